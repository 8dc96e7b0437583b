"""The data directory: made when missing, held by one stack, removed when it was ephemeral."""

import os
import shutil
import tempfile
from pathlib import Path

from services.embedded.addresses import describe, lock_path, read_addresses
from services.embedded.lock import AlreadyRunning, Held, Lock
from services.embedded.postgres_area import area_elsewhere

EPHEMERAL_PREFIX = "daybook-"
# What we make as root lets the Postgres user through to its own folder, and see nothing.
MODE = 0o711 if os.geteuid() == 0 else 0o700


def make_data_dir(wanted: Path) -> Path:
    """The directory as an absolute path; one that exists keeps its mode."""
    data_dir = wanted.absolute()
    if not data_dir.exists():
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=MODE, exist_ok=True)
    return data_dir


def make_ephemeral_dir() -> Path:
    """A directory of our own among the temporary ones."""
    data_dir = Path(tempfile.mkdtemp(prefix=EPHEMERAL_PREFIX))
    data_dir.chmod(MODE)
    return data_dir


def remove_ephemeral_dir(data_dir: Path) -> None:
    """Remove everything, Postgres data that lies elsewhere too."""
    if area := area_elsewhere(data_dir):
        shutil.rmtree(area.parent)
    shutil.rmtree(data_dir)


async def hold_data_dir(data_dir: Path) -> Lock:
    """Keep other stacks away; raises AlreadyRunning with the addresses of the one that runs."""
    try:
        return await Lock(lock_path(data_dir)).acquire()
    except Held as held:
        addresses = read_addresses(data_dir)
        known = describe(addresses) if addresses and addresses.pid == held.pid else ""
        raise AlreadyRunning(data_dir, held.pid, known) from held
