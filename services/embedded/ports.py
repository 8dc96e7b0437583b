"""Ports of the stack: the usual ones when free, the ones of last time first, any free one else."""

import random
import socket
from collections.abc import Mapping

from services.cannot_run import CannotRun

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


def choose_ports(
    names: tuple[str, ...], *, remembered: Mapping[str, int], usual: bool
) -> dict[str, int]:
    """A different free port for each name."""
    chosen: dict[str, int] = {}
    for name in names:
        wanted = [remembered.get(name), USUAL_PORTS.get(name) if usual else None]
        chosen[name] = _first_free([port for port in wanted if port], set(chosen.values()))
    return chosen


def _first_free(wanted: list[int], taken: set[int]) -> int:
    drawn = random.SystemRandom().sample(FREE_PORTS, 200)
    for port in (*wanted, *drawn):
        if port not in taken and is_free(port):
            return port
    raise NoFreePort(
        f"none of {len(drawn)} ports between {FREE_PORTS[0]} and {FREE_PORTS[-1]} is free:"
        " end what holds them"
    )
