"""Objects in a folder: the default of one machine. Readable by their owner alone, and durable."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from services.objects import (
    ObjectFailure,
    ObjectFound,
    ObjectNotFound,
    ObjectOpened,
    ObjectStoreDenied,
    ObjectStoreUnreachable,
    check_key,
    check_prefix,
)

_CHUNK_BYTES: Final = 1024 * 1024
# Half objects are written here; no key begins a part with a dot.
_MAKING: Final = ".making"
_ABANDONED_SECONDS_MIN: Final = 24 * 60 * 60


class FileStore:
    """Objects below a folder, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.address = root.as_uri()

    async def put(self, key: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Write beside, flush to disk, rename: it appears whole or not at all."""
        check_key(key)
        with self._failing(key, writes=True):
            file = await asyncio.to_thread(self._begin)
        try:
            async for chunk in _chunks_of(content):
                with self._failing(key, writes=True):
                    await asyncio.to_thread(file.write, chunk)
            with self._failing(key, writes=True):
                await asyncio.to_thread(self._finish, file, key)
        finally:
            file.close()
            await asyncio.to_thread(Path(file.name).unlink, missing_ok=True)

    async def open(self, key: str) -> ObjectOpened:
        """Read an object in chunks; raises ObjectNotFound. It stays whole if it is replaced."""
        check_key(key)
        with self._failing(key):
            file = await asyncio.to_thread((self._root / key).open, "rb")
        return ObjectOpened(os.fstat(file.fileno()).st_size, self._chunks(key, file))

    async def _chunks(self, key: str, file: IO[bytes]) -> AsyncIterator[bytes]:
        with file, self._failing(key):
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk

    async def head(self, key: str) -> ObjectFound | None:
        """The object's size, or None when there is none."""
        check_key(key)
        with self._failing(key):
            path = self._root / key
            found = await asyncio.to_thread(path.is_file)
            return ObjectFound(key, path.stat().st_size) if found else None

    async def below(self, prefix: str) -> AsyncIterator[ObjectFound]:
        """The objects below a folder of keys."""
        check_prefix(prefix)
        with self._failing(prefix):
            for found in await asyncio.to_thread(self._listed, prefix):
                yield found

    async def delete(self, key: str) -> None:
        """Remove an object; the folders stay, for who may be writing into them right now."""
        check_key(key)
        with self._failing(key):
            await asyncio.to_thread((self._root / key).unlink, missing_ok=True)

    def _begin(self) -> IO[bytes]:
        making = self._root / _MAKING
        _make_folders(making)
        _sweep(making)
        # Mode 0600 from the first byte on.
        handle, name = tempfile.mkstemp(dir=making)
        os.close(handle)
        return Path(name).open("wb")

    def _finish(self, file: IO[bytes], key: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        target = self._root / key
        _make_folders(target.parent)
        Path(file.name).replace(target)
        _flush_folder(target.parent)

    def _listed(self, prefix: str) -> list[ObjectFound]:
        folder = self._root / prefix
        paths = [path for path in folder.rglob("*") if path.is_file()]
        found = (
            ObjectFound(path.relative_to(self._root).as_posix(), path.stat().st_size)
            for path in paths
        )
        return sorted(found)

    @contextmanager
    def _failing(self, key: str, *, writes: bool = False) -> Iterator[None]:
        """Say in our words what the file system raises."""
        try:
            yield
        except ObjectFailure:
            raise
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as missing:
            if writes:
                raise ObjectStoreUnreachable(
                    f"{self.address} cannot keep {key}: {missing.filename}: {missing.strerror}"
                ) from None
            raise ObjectNotFound(f"{self.address} has no {key} ({missing.strerror})") from None
        except PermissionError as denied:
            raise ObjectStoreDenied(
                f"{self.address} refuses {key} ({denied.strerror}): let the user who runs Daybook"
                " own that folder"
            ) from None
        except OSError as failed:
            raise ObjectStoreUnreachable(f"{self.address}: {key}: {failed.strerror}") from None


async def _chunks_of(content: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for chunk in content:
        yield chunk


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each flushed, so that a crash loses no name."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        _flush_folder(each.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(making: Path) -> None:
    """Remove what a process left half written when it was killed."""
    for path in making.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS_MIN:
                path.unlink()
        except FileNotFoundError:
            continue  # another process removes it just now
