"""Ports of the stack: the usual ones when free, the ones of last time first, any free one else."""

import os
import random
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from services.cannot_run import CannotRun
from services.embedded.lock import try_hold
from services.embedded.unprivileged import owned_by_us

LOOPBACK = "127.0.0.1"
USUAL_PORTS: Mapping[str, int] = {
    "api": 4000,
    "postgres": 5433,
    "nats": 4222,
    "nats_monitor": 8222,
    "temporal": 7233,
    "temporal_ui": 8233,
    "temporal_http": 7243,
    "temporal_metrics": 7244,
}
# Below the range from which systems take the near end of outgoing connections, so that a port
# that is free now is not taken by somebody's connection before the server listens on it.
FREE_PORTS = range(10_000, 32_000)


class NoFreePort(CannotRun):
    """No port was free in many tries."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # Servers set it too: a port whose last connections still linger counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


class HeldPorts:
    """Ports that a stack has chosen: other stacks of this user leave them to its servers.

    Servers start one after the other, the API last of all: until it listens, its port looks free.
    Drawn ports are not held, since two stacks will hardly draw the same one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"daybook-ports-{os.geteuid()}"
        self._handles: dict[int, int] = {}

    def take(self, port: int) -> bool:
        """Hold a port that is free and that nobody else holds."""
        if not is_free(port):
            return False
        if port in self._handles:
            return True
        with suppress(OSError):
            self._folder.mkdir(mode=0o700)
        if not owned_by_us(self._folder):  # somebody else's, or none: go on as if we were alone
            return True
        handle = try_hold(self._folder / str(port))
        if handle is not None:
            self._handles[port] = handle
        return handle is not None

    def release(self) -> None:
        """Leave them to others."""
        while self._handles:
            os.close(self._handles.popitem()[1])


def choose_ports(
    names: tuple[str, ...],
    *,
    remembered: Mapping[str, int],
    usual: bool,
    take: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """A different free port for each name; `take` says whether a wanted one can be had."""
    chosen: dict[str, int] = {}
    for name in names:
        wanted = [remembered.get(name), USUAL_PORTS.get(name) if usual else None]
        chosen[name] = _first_free([port for port in wanted if port], set(chosen.values()), take)
    return chosen


def _first_free(wanted: list[int], taken: set[int], take: Callable[[int], bool]) -> int:
    for port in wanted:
        if port not in taken and take(port):
            return port
    drawn = random.SystemRandom().sample(FREE_PORTS, 200)
    for port in drawn:
        if port not in taken and is_free(port):
            return port
    raise NoFreePort(
        f"none of {len(drawn)} ports between {FREE_PORTS[0]} and {FREE_PORTS[-1]} is free:"
        " end what holds them"
    )
