"""Children that outlived a supervisor which was killed: written down while they run, ended later.

On Linux the leash ends them at once; elsewhere the next start on the data directory does.
"""

import contextlib
from pathlib import Path

import msgspec
import psutil

from services.embedded.child import Child
from services.embedded.private import read_private, write_private

STOP_SECONDS_MAX = 5
_MEND = "see that no server of an earlier stack runs on this data directory, and remove it"


class RunningChild(msgspec.Struct, frozen=True, kw_only=True):
    """A process, told apart from a later one with the same number by the time it began."""

    pid: int
    began: float
    death_signal: int


def register_path(data_dir: Path) -> Path:
    """Where a data directory's register lies."""
    return data_dir / "children.json"


class ChildRegister:
    """The file that names the running children of a data directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: dict[str, RunningChild] = {}

    def add(self, child: Child, pid: int) -> None:
        """A child was started."""
        with contextlib.suppress(psutil.NoSuchProcess):  # it died at once; nothing to end later
            began = psutil.Process(pid).create_time()
            signal = int(child.death_signal)
            self._running[child.name] = RunningChild(pid=pid, began=began, death_signal=signal)
            self._save()

    def remove(self, child: Child) -> None:
        """A child is gone."""
        if self._running.pop(child.name, None):
            self._save()

    def end_orphans(self) -> list[str]:
        """End what an earlier supervisor left; call it while holding the data directory's lock."""
        if not self._path.exists():
            return []
        left = read_private(self._path, dict[str, RunningChild], _MEND)
        alive = {name: process for name, child in left.items() if (process := _process(child))}
        for name, process in alive.items():
            end_process(process, left[name].death_signal)
        self._save()
        return list(alive)

    def _save(self) -> None:
        write_private(self._path, msgspec.json.encode(self._running))


def end_process(process: psutil.Process, first_signal: int) -> None:
    """Signal a process that is no child of ours, wait, and kill it when it stays."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(first_signal)
        _, alive = psutil.wait_procs([process], timeout=STOP_SECONDS_MAX)
        for stubborn in alive:
            stubborn.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS_MAX)


def _process(child: RunningChild) -> psutil.Process | None:
    try:
        process = psutil.Process(child.pid)
        return process if abs(process.create_time() - child.began) < 1 else None
    except psutil.NoSuchProcess:
        return None
