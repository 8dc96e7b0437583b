"""Locks that the system lets go when their holder dies: one stack on one data directory."""

import asyncio
import fcntl
import os
import stat
from pathlib import Path
from typing import Self

from services.cannot_run import CannotRun

# `holder` takes the lock for an instant to see whether it is free.
SECONDS_TO_WAIT = 0.5


class AlreadyRunning(CannotRun):
    """Another process runs a stack on this data directory."""

    def __init__(self, data_dir: Path, pid: int | None, addresses: str = "") -> None:
        where = f" ({addresses})" if addresses else ", still starting"
        super().__init__(f"Daybook already runs on {data_dir} as process {pid}{where}")
        self.data_dir = data_dir
        self.pid = pid


class Held(CannotRun):
    """Another process holds the lock."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is held by process {pid or 'unknown'}: stop that first")
        self.pid = pid


class Lock:
    """Exclusive hold on a file or folder, for the life of this process or until released."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    async def acquire(self) -> Self:
        """Take the lock; Held when another process keeps it. A file then names us."""
        handle = _open(self._path)
        try:
            await _lock(handle, self._path)
            _name_holder(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return self

    def release(self) -> None:
        """Let go; the file stays, since deleting it would let two holders in."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def try_hold(path: Path) -> int | None:
    """The lock of a file, if nobody has it: the handle that keeps it until it is closed."""
    handle = _open(path)
    if _try_lock(handle):
        return handle
    os.close(handle)
    return None


def holder(path: Path) -> int | None:
    """The process that holds the lock file, if any does."""
    if not path.exists():
        return None
    handle = _open(path)
    try:
        return None if _try_lock(handle) else _named_holder(handle)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


async def _lock(handle: int, path: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS_TO_WAIT
    while not _try_lock(handle):
        if loop.time() > deadline:
            raise Held(path, _named_holder(handle))
        await asyncio.sleep(0.05)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name_holder(handle: int) -> None:
    if _is_file(handle):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)


def _named_holder(handle: int) -> int | None:
    text = os.pread(handle, 32, 0).strip() if _is_file(handle) else b""
    return int(text) if text.isdigit() else None


def _is_file(handle: int) -> bool:
    return stat.S_ISREG(os.fstat(handle).st_mode)
