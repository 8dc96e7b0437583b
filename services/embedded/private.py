"""Files that hold secrets: written whole or not at all, readable by their owner alone."""

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

from services.cannot_run import CannotRun

Content = TypeVar("Content")


class FileDamaged(CannotRun):
    """A file of the data directory does not hold what we wrote."""


def read_private(path: Path, kind: type[Content], mend: str) -> Content:
    """What a file holds; FileNotFoundError without one, FileDamaged with how to mend it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as damaged:
        raise FileDamaged(f"{path} is damaged ({damaged}): {mend}") from None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically; its mode is 0600 from the first byte on."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
