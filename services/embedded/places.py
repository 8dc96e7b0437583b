"""Folders outside the data directory, for what an unprivileged Postgres could not reach there."""

import os
import tempfile
from pathlib import Path

from services.embedded.unprivileged import owned_by_us

# Not /var/tmp first: systemd removes what lies there unused for a month, and a ledger may.
LASTING = Path("/var/lib/daybook")
PASSING = Path("/var/tmp")
# Linux's shared memory: files come and go there in a sixth of the time that they take on a disk.
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 * 2**30


def lasting_places() -> list[Path]:
    """Where things stay, the best first."""
    return [place for place in (LASTING, PASSING) if _usable(place)]


def passing_places() -> list[Path]:
    """Where things may vanish with the next boot."""
    return [place for place in (Path(tempfile.gettempdir()), PASSING) if _usable(place)]


def memory_place() -> Path | None:
    """A folder in memory with room for what is thrown away soon; None where there is none."""
    if not _usable(MEMORY):
        return None
    room = os.statvfs(MEMORY)
    return MEMORY if room.f_bavail * room.f_frsize >= MEMORY_BYTES_MIN else None


def _usable(place: Path) -> bool:
    if place == LASTING:
        return _lasting_made()
    return place.is_dir() and os.access(place, os.W_OK)


def _lasting_made() -> bool:
    try:
        LASTING.mkdir(mode=0o755)
        LASTING.chmod(0o755)  # the caller's umask may have cut it
    except FileExistsError:
        pass
    except OSError:
        return False
    return owned_by_us(LASTING)
