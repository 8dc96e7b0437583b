"""Fixtures of the relay: streams of a test's own on the session's server, and a log to publish."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from relay.connection import Client, connect
from relay.jetstream import StreamSettings, delete_stream, find_stream
from relay.publisher import run_publisher
from relay.tree import ensure_log
from services.embedded.addresses import Addresses
from tests.fixtures.databases import Database
from tests.fixtures.relaying import take_lease

_numbers = itertools.count(1)

Publishing = Callable[[], AbstractAsyncContextManager["asyncio.Task[None]"]]


@pytest.fixture
async def client(stack: Addresses) -> AsyncIterator[Client]:
    """A connection to the session's NATS."""
    client = await connect(stack.nats_url, name="test")
    yield client
    await client.close()


@pytest.fixture
async def streams(client: Client) -> AsyncIterator[StreamSettings]:
    """Streams of this test's own, so that tests run side by side."""
    streams = StreamSettings(prefix=f"t{os.getpid()}x{next(_numbers)}")
    yield streams
    for name in (streams.events, streams.intake, streams.checkpoints):
        if await find_stream(client, name) is not None:
            await delete_stream(client, name)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    """The owner's pool of a database with an empty log."""
    admin = await database.admin()
    async with admin.acquire() as connection:
        await ensure_log(connection)
    return admin


@pytest.fixture
async def pool(database: Database, admin: asyncpg.Pool) -> asyncpg.Pool:
    """The relay's own pool."""
    return await database.pool("daybook_sequencer", size_max=8)


@pytest.fixture
def publishing(pool: asyncpg.Pool, client: Client, streams: StreamSettings) -> Publishing:
    """Runs a publisher under a lease of its own for as long as it is entered."""

    @asynccontextmanager
    async def publishing() -> AsyncIterator[asyncio.Task[None]]:
        lease = await take_lease(pool, "relay.publisher", "test")
        task = asyncio.create_task(run_publisher(pool, client, lease, streams))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return publishing
