"""One contract for every object store, over a folder and over a real S3 server."""

import asyncio
import hashlib
import itertools
import os
import signal
import stat
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.adapters.object_store import open_object_store
from services.objects import (
    ObjectFound,
    ObjectNotFound,
    ObjectStoreDenied,
    ObjectStoreUnreachable,
    ObjectStoreUnusable,
    object_key,
)
from services.ports import ObjectStore
from tests.fixtures.s3_server import S3Server

MIB = 1024 * 1024
_prefixes = itertools.count()


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "file":
        return open_object_store((tmp_path / "objects").as_uri())
    request.getfixturevalue("s3_environment")
    return open_object_store(f"s3://books/t{next(_prefixes)}")


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The usual variables of somebody who may read and write there, to be changed."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def read(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in (await store.open(key)).chunks])


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [found.key async for found in store.below(prefix)]


async def pieces(count: int, size_bytes: int = MIB) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * size_bytes


async def test_what_was_put_is_read_listed_and_deleted(store: ObjectStore) -> None:
    key = object_key("demo", "exports", "one.csv")
    await store.put(key, b"hello")
    assert await read(store, key) == b"hello"
    assert await store.head(key) == ObjectFound(key, 5)
    assert [found async for found in store.below("demo")] == [ObjectFound(key, 5)]
    await store.delete(key)
    await store.delete(key)
    assert await store.head(key) is None
    assert await keys(store, "demo") == []


async def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFound, match="has no demo/none"):
        await store.open("demo/none")
    assert await store.head("demo/none") is None
    assert await keys(store, "demo/none") == []


async def test_a_second_object_takes_the_place_of_the_first(store: ObjectStore) -> None:
    await store.put("demo/a", b"first, and longer")
    await store.put("demo/a", b"second")
    assert await read(store, "demo/a") == b"second"


async def test_a_list_is_of_one_folder_and_one_tenant_and_in_order(store: ObjectStore) -> None:
    for key in ("demo/x/b", "demo/x/a", "demo/xy", "demo2/x/a", "demo/y"):
        await store.put(key, key.encode())
    assert await keys(store, "demo/x") == ["demo/x/a", "demo/x/b"]
    assert await keys(store, "demo/x/") == ["demo/x/a", "demo/x/b"]
    assert await keys(store, "demo2") == ["demo2/x/a"]


@pytest.mark.parametrize("count", [0, 1, 40])
async def test_a_stream_is_kept_byte_for_byte(store: ObjectStore, count: int) -> None:
    await store.put("demo/streamed", pieces(count))
    opened = await store.open("demo/streamed")
    digest, expected = hashlib.sha256(), hashlib.sha256()
    async for chunk in opened.chunks:
        digest.update(chunk)
    async for chunk in pieces(count):
        expected.update(chunk)
    assert (opened.size_bytes, digest.digest()) == (count * MIB, expected.digest())


async def test_a_stream_that_breaks_off_leaves_what_was_there(store: ObjectStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(12):
            yield piece
        raise ConnectionResetError("the writer broke off")

    for key in ("demo/kept", "demo/new"):
        if key == "demo/kept":
            await store.put(key, b"before")
        with pytest.raises(ConnectionResetError):
            await store.put(key, broken())
    assert await read(store, "demo/kept") == b"before"
    assert await store.head("demo/new") is None
    assert await keys(store, "demo") == ["demo/kept"]


async def test_nobody_sees_half_of_a_stream(store: ObjectStore) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        async for piece in pieces(9):
            yield piece
        begun.set()
        await go_on.wait()
        yield b"end"

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(store.put("demo/slow", halting()))
        await begun.wait()
        assert await store.head("demo/slow") is None
        assert await keys(store, "demo") == []
        go_on.set()
    assert await store.head("demo/slow") == ObjectFound("demo/slow", 9 * MIB + 3)


async def test_writers_of_one_key_leave_one_of_their_objects(store: ObjectStore) -> None:
    contents = [bytes([number]) * MIB for number in range(8)]
    await asyncio.gather(*(store.put("demo/contended", content) for content in contents))
    assert await read(store, "demo/contended") in contents


@pytest.mark.parametrize(
    "key",
    [
        *("demo", "", "/demo/a", "demo/", "demo/../other/a", "demo/./a", "demo/.hidden", "Demo/a"),
        *("demo/a\\b", "demo/a b", "demo/a\n", "demo//a", "../a", "demo/" + "x" * 129, "demo/é"),
    ],
)
async def test_what_is_no_key_of_a_tenant_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match=r"key|begin"):
        await store.put(key, b"")
    with pytest.raises(ValueError, match=r"key|begin"):
        await store.open(key)
    with pytest.raises(ValueError, match=r"key|begin"):
        await store.delete(key)
    with pytest.raises(ValueError, match=r"key|begin"):
        object_key("demo", "..", key)


async def test_wrong_credentials_are_denied(s3_environment: pytest.MonkeyPatch) -> None:
    s3_environment.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stranger = open_object_store("s3://books")
    with pytest.raises(ObjectStoreDenied, match="credentials"):
        await stranger.put("demo/a", b"")
    with pytest.raises(ObjectStoreDenied, match="credentials"):
        await stranger.open("demo/a")


async def test_a_missing_bucket_is_denied(s3_environment: pytest.MonkeyPatch) -> None:
    homeless = open_object_store("s3://nowhere")
    with pytest.raises(ObjectStoreDenied, match="no such bucket"):
        await homeless.put("demo/a", b"x")


async def test_a_server_that_is_away_is_unreachable(s3_environment: pytest.MonkeyPatch) -> None:
    s3_environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = open_object_store("s3://books")
    with pytest.raises(ObjectStoreUnreachable, match="does not answer for demo/a"):
        await away.put("demo/a", b"")


@pytest.mark.parametrize("endpoint", ["http://10.0.0.1", "http://s3.example", "ftp://s3", "s3"])
def test_plain_http_is_for_loopback_alone(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ObjectStoreUnusable, match="loopback"):
        open_object_store("s3://books")


async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_object_store((tmp_path / "objects").as_uri())
        await store.put("demo/a/b", b"secret")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "objects").rglob("*")}
    assert modes == {0o700, 0o600}
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


async def test_a_writer_that_is_killed_leaves_no_half_file(tmp_path: Path) -> None:
    url = (tmp_path / "objects").as_uri()
    program = (
        "import asyncio, os, signal\n"
        "from services.adapters.object_store import open_object_store\n"
        "async def content():\n"
        "    yield b'x' * 100_000\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"asyncio.run(open_object_store({url!r}).put('demo/a', content()))\n"
    )
    root = Path(__file__).parents[2]
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=root)
    assert await writer.wait() == -signal.SIGKILL
    store = open_object_store(url)
    assert await store.head("demo/a") is None
    assert await keys(store, "demo") == []
    (left,) = (tmp_path / "objects" / ".making").iterdir()
    os.utime(left, (0, 0))
    await store.put("demo/a", b"whole")
    assert list((tmp_path / "objects" / ".making").iterdir()) == []


async def test_a_long_stream_takes_bounded_memory(tmp_path: Path) -> None:
    store = open_object_store((tmp_path / "objects").as_uri())
    tracemalloc.start()
    try:
        await store.put("demo/long", pieces(64))
        size_bytes = 0
        async for chunk in (await store.open("demo/long")).chunks:
            size_bytes += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size_bytes == 64 * MIB
    assert peak < 8 * MIB
