"""What the supervisor is told about a child, and what it tells about one."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from services.cannot_run import CannotRun

Probe = Callable[[], Awaitable[bool]]
Preparation = Callable[[], Awaitable[None]]


class RunAs(msgspec.Struct, frozen=True, kw_only=True):
    """The user that a child becomes."""

    name: str
    uid: int
    gid: int


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A program that the supervisor keeps alive."""

    name: str
    argv: tuple[str, ...]
    """An absolute program path and its arguments."""
    env: Mapping[str, str] | None = None
    """The whole environment; None inherits ours."""
    cwd: Path = Path("/")
    run_as: RunAs | None = None
    prepare: Preparation | None = None
    """Runs before every start, the first and each restart."""
    ready: Probe | None = None
    ready_seconds_max: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds_max: float = 10
    """Patience after `stop_signal`, then SIGKILL."""
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the supervisor dies without stopping its children (Linux)."""


ReportKind = Literal["started", "ready", "died", "not_ready", "stopped", "killed"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to a child."""

    child: str
    kind: ReportKind
    pid: int | None = None
    detail: str = ""
    restart_in_seconds: float | None = None
    log_tail: tuple[str, ...] = ()


OnReport = Callable[[Report], None]


class ChildNotReady(CannotRun):
    """A child did not come up; its last lines say why."""

    def __init__(self, name: str, reason: str, log_tail: tuple[str, ...]) -> None:
        super().__init__("\n  ".join((f"{name} {reason}", *log_tail)))
        self.name = name
        self.reason = reason


def leashed(
    argv: tuple[str, ...], run_as: RunAs | None, death_signal: signal.Signals
) -> tuple[str, ...]:
    """A command line behind the leash that ties it to this process; start it as it stands.

    The kernel takes the thread that starts it for its parent: let that thread live as long.
    """
    user = (run_as.uid, run_as.gid) if run_as else (-1, -1)
    leash = Path(__file__).with_name("leash.py")
    words = (int(death_signal), os.getpid(), *user)
    return (sys.executable, "-I", "-S", str(leash), *map(str, words), *argv)


def exit_words(code: int) -> str:
    """What an exit code says, in words."""
    if code >= 0:
        return f"exited with {code}"
    return f"was ended by {signal.Signals(-code).name}"
