"""Objects in S3, Google Cloud Storage or Azure Blob Storage, by obstore; see open_object_store."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from services.adapters.file_store import FileStore
from services.objects import (
    ObjectFound,
    ObjectNotFound,
    ObjectOpened,
    ObjectStoreDenied,
    ObjectStoreUnreachable,
    ObjectStoreUnusable,
    check_endpoint,
    check_key,
    check_prefix,
)
from services.ports import ObjectStore

PART_BYTES: Final = 8 * 1024 * 1024  # 10,000 parts are the most that S3 takes: 80 GB an object
PARTS_AT_ONCE: Final = 4
_CHUNK_BYTES: Final = 1024 * 1024
# The usual variables, in the order in which the libraries of the makers look at them.
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_RETRIES: Final[Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
# A whole object may take hours; what must come in time is the next piece of it.
_CLIENT: Final = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "6h"}


def open_object_store(url: str) -> ObjectStore:
    """The store at a URL (services.objects.store_url); the library finds its usual credentials.

    Raises ObjectStoreUnusable.
    """
    split = urlsplit(url)
    if split.scheme == "file":
        return FileStore(Path(unquote(split.path)))
    given = (os.environ.get(name) for name in _ENDPOINTS[split.scheme])
    endpoint = next((each for each in given if each), None)
    client: Any = {**_CLIENT, "allow_http": bool(endpoint and check_endpoint(endpoint))}
    config: Any = {"endpoint": endpoint} if endpoint and split.scheme != "gs" else {}
    try:
        store = from_url(url, config=config, client_options=client, retry_config=_RETRIES)
    except (BaseError, ValueError) as wrong:
        raise ObjectStoreUnusable(f"the object store {url} is not usable: {_line(wrong)}") from None
    return CloudStore(store, url)


class CloudStore:
    """A bucket, or what lies below a prefix of one. Its atomicity is the store's own."""

    def __init__(self, store: Any, address: str) -> None:
        self._store = store
        self.address = address

    async def put(self, key: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Keep an object: in one request, or streamed in parts that appear together."""
        check_key(key)
        with self._failing(key, NotADirectoryError):
            try:
                await obstore.put_async(
                    self._store, key, content, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
                )
            except FileNotFoundError as missing:
                raise ObjectStoreDenied(
                    f"{self.address} takes no object: there is no such bucket ({_line(missing)})"
                ) from None

    async def open(self, key: str) -> ObjectOpened:
        """Read an object in chunks; raises ObjectNotFound."""
        check_key(key)
        with self._failing(key, FileNotFoundError):
            found = await obstore.get_async(self._store, key)
        return ObjectOpened(found.meta["size"], self._chunks(key, found))

    async def _chunks(self, key: str, found: Any) -> AsyncIterator[bytes]:
        with self._failing(key, FileNotFoundError):
            async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    async def head(self, key: str) -> ObjectFound | None:
        """The object's size, or None when there is none."""
        check_key(key)
        try:
            with self._failing(key, FileNotFoundError):
                meta = await obstore.head_async(self._store, key)
        except ObjectNotFound:
            return None
        return ObjectFound(key, meta["size"])

    async def below(self, prefix: str) -> AsyncIterator[ObjectFound]:
        """The objects below a folder of keys; the store answers them in their order."""
        check_prefix(prefix)
        with self._failing(prefix, FileNotFoundError):
            async for page in obstore.list(self._store, prefix=prefix.removesuffix("/")):
                for meta in page:
                    yield ObjectFound(meta["path"], meta["size"])

    async def delete(self, key: str) -> None:
        """Remove an object."""
        check_key(key)
        with self._failing(key, NotADirectoryError):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                return

    @contextmanager
    def _failing(self, key: str, missing: type[Exception]) -> Iterator[None]:
        """Say in our words what the library raises."""
        try:
            yield
        except missing:
            raise ObjectNotFound(f"{self.address} has no {key}") from None
        except (PermissionDeniedError, UnauthenticatedError) as denied:
            raise ObjectStoreDenied(
                f"{self.address} refuses {key}: look at its credentials and what they may do"
                f" ({_line(denied)})"
            ) from None
        except BaseError as failed:
            raise ObjectStoreUnreachable(
                f"{self.address} does not answer for {key}: {_line(failed)}"
            ) from None


def _line(failure: BaseException) -> str:
    """The first line of what the library says, which goes on with its insides."""
    return str(failure).partition("\n")[0][:300]
