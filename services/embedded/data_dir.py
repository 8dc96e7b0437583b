"""The data directory: made when missing, held by one stack, removed when it was ephemeral."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import structlog

from services.cannot_run import CannotRun
from services.embedded.addresses import describe, lock_path, read_addresses
from services.embedded.lock import AlreadyRunning, Held, Lock, holder
from services.embedded.orphans import ChildRegister, register_path
from services.embedded.places import MEMORY, memory_place
from services.embedded.postgres_area import area_elsewhere
from services.embedded.private import FileDamaged
from services.embedded.unprivileged import owned_by_us


class DataDirUnusable(CannotRun):
    """Nothing can be kept there."""


EPHEMERAL_PREFIX = "daybook-ephemeral-"
# Younger ones may be in the making, not locked yet.
ABANDONED_SECONDS_MIN = 60
# What we make as root lets the Postgres user through to its own folder, and see nothing.
MODE = 0o711 if os.geteuid() == 0 else 0o700

logger = structlog.get_logger()


@contextmanager
def using(data_dir: Path) -> Iterator[None]:
    """Around what needs the directory; raises DataDirUnusable."""
    try:
        yield
    except OSError as failed:
        raise DataDirUnusable(
            f"{data_dir} cannot be the data directory ({failed.filename}: {failed.strerror}):"
            " give another one with --data-dir"
        ) from failed


def make_data_dir(wanted: Path) -> Path:
    """The directory as an absolute path; one that exists keeps its mode."""
    data_dir = wanted.absolute()
    if not data_dir.exists():
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=MODE, exist_ok=True)
    return data_dir


def make_ephemeral_dir(*, durable: bool = True) -> Path:
    """A directory of our own among the temporary ones, in memory for what need not be durable."""
    place = None if durable else memory_place()
    data_dir = Path(tempfile.mkdtemp(prefix=EPHEMERAL_PREFIX, dir=place))
    data_dir.chmod(MODE)
    return data_dir


def remove_abandoned_dirs() -> None:
    """Remove ephemeral directories whose stack was killed and could not remove them itself."""
    places = {Path(tempfile.gettempdir()), MEMORY}
    for data_dir in chain.from_iterable(place.glob(f"{EPHEMERAL_PREFIX}*") for place in places):
        # Another start may be removing it too.
        with suppress(FileNotFoundError):
            age_seconds = time.time() - lock_path(data_dir).stat().st_mtime
            # Others can make folders of that name; what theirs point to is not ours to remove.
            if age_seconds > ABANDONED_SECONDS_MIN and owned_by_us(data_dir):
                _remove_unless_running(data_dir)


def _remove_unless_running(data_dir: Path) -> None:
    if holder(lock_path(data_dir)) is None:
        ChildRegister(register_path(data_dir)).end_orphans()
        remove_ephemeral_dir(data_dir)
        logger.info("abandoned directory removed", path=str(data_dir))


def remove_ephemeral_dir(data_dir: Path) -> None:
    """Remove everything, Postgres data that lies elsewhere too."""
    area = area_elsewhere(data_dir)
    for folder in (area.parent if area else None, data_dir):
        if folder is not None and folder.exists():
            # Another stack that sweeps abandoned folders may be removing the same files.
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                shutil.rmtree(folder)


async def hold_data_dir(data_dir: Path) -> Lock:
    """Keep other stacks away; raises AlreadyRunning with the addresses of the one that runs."""
    try:
        return await Lock(lock_path(data_dir)).acquire()
    except Held as held:
        raise AlreadyRunning(data_dir, held.pid, _known(data_dir, held.pid)) from held


def _known(data_dir: Path, pid: int | None) -> str:
    """The addresses that the stack of this process published, for a person."""
    try:
        addresses = read_addresses(data_dir)
    except FileDamaged as damaged:
        return str(damaged)
    return describe(addresses) if addresses and addresses.pid == pid else ""
