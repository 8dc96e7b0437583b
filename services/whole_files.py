"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(to: Path) -> Iterator[IO[bytes]]:
    """A file to write to and read from, which takes its place when all went well."""
    handle, name = tempfile.mkstemp(prefix=f".{to.name}.", dir=to.parent)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        Path(name).replace(to)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
