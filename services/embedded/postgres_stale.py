"""What a killed Postgres leaves: processes that still hold the data, and a misleading pid file."""

import signal
from pathlib import Path

import psutil

STOP_SECONDS_MAX = 20


def clear_stale(data: Path) -> None:
    """Make a start possible. The caller holds the area's lock: whoever uses the data is left over.

    Postgres refuses to start when the number in `postmaster.pid` belongs to any live process of
    its user, which after a reboot or in a container it may.
    """
    left = _processes_in(data)
    postmaster = _noted_pid(data)
    for process in left:
        # The postmaster ends its backends; the others go when they see it is gone.
        if process.pid == postmaster:
            _signal(process, signal.SIGQUIT)
    _, alive = psutil.wait_procs(left, timeout=STOP_SECONDS_MAX)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=STOP_SECONDS_MAX)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _processes_in(data: Path) -> list[psutil.Process]:
    """Postgres processes whose working folder is the data: the server's all stay there."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(data.resolve()):
            found.append(process)
    return found


def _noted_pid(data: Path) -> int | None:
    try:
        first_line = (data / "postmaster.pid").read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return None
    return int(first_line) if first_line.isdigit() else None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
