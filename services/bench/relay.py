"""Sequencer and publisher: events per second from the outbox into the log, from the log out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from contracts.catalogue import encode, wire_type
from contracts.ids import event_id
from relay.connection import Client
from relay.jetstream import StreamSettings, delete_stream, find_stream
from relay.lease import Lease, acquire
from relay.publisher import run_publisher
from relay.sequencer import Sequencer
from services.bench.visits import CHARGES_PER_VISIT, STARTED_AT, TENANT, visits
from services.wiring import migrate, open_pool

EVENTS: Final = 60_000
SECONDS_MAX: Final = 120.0
POOL_SIZE: Final = 6
_POLL_SECONDS: Final = 0.02
_PROGRESS: Final = "SELECT position FROM relay_progress WHERE stream = $1"
_METADATA: Final = b'{"actor":"bus:bench","command":"CaptureCharge","correlation_id":"bench"}'


async def bench_sequencer(url: str, *, events: int = EVENTS) -> float:
    """Events per second given positions, leaves and tiles, from an outbox of one-event commands."""
    async with _database(url, "bench_sequencer", events) as pool, pool.acquire() as connection:
        sequencer = await Sequencer.start(connection, await _lead(connection, "relay.sequencer"))
        begun = time.perf_counter()
        while await sequencer.step() is not None:
            pass
        return sequencer.position / (time.perf_counter() - begun)


async def bench_publisher(url: str, client: Client, *, events: int = EVENTS) -> float:
    """Events per second read from the log and acknowledged by a stream of the benchmark's own."""
    streams = StreamSettings(prefix="bench")
    async with _database(url, "bench_publisher", events) as pool:
        async with pool.acquire() as connection:
            lease = await _lead(connection, "relay.sequencer")
            sequencer = await Sequencer.start(connection, lease)
            while await sequencer.step() is not None:
                pass
        try:
            return await _publish(pool, client, streams, sequencer.position)
        finally:
            if await find_stream(client, streams.events) is not None:
                await delete_stream(client, streams.events)


async def _publish(pool: asyncpg.Pool, client: Client, streams: StreamSettings, head: int) -> float:
    async with pool.acquire() as connection:
        lease = await _lead(connection, "relay.publisher")
        begun = time.perf_counter()
        publishing = asyncio.create_task(run_publisher(pool, client, lease, streams))
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not publishing.done():
                    if await connection.fetchval(_PROGRESS, streams.events) == head:
                        return head / (time.perf_counter() - begun)
                    await asyncio.sleep(_POLL_SECONDS)
            raise RuntimeError("the publisher ended") from publishing.exception()
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)


async def _lead(connection: Any, name: str) -> Lease:
    lease = await acquire(connection, name=name, owner="bench", seconds=2 * SECONDS_MAX)
    if lease is None:
        raise RuntimeError(f"{name} is held")
    return lease


@asynccontextmanager
async def _database(url: str, name: str, events: int) -> AsyncIterator[asyncpg.Pool]:
    """A database of the benchmark's own, with so many events waiting in its outbox."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name}")
        try:
            own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            await _write(own, events)
            pool = await open_pool(own, "daybook_sequencer", size_max=POOL_SIZE)
            try:
                yield pool
            finally:
                await pool.close()
        finally:
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()


async def _write(url: str, events: int) -> None:
    happened = list(visits(events // (CHARGES_PER_VISIT + 4)))
    stored = [
        (
            TENANT,
            stream_id,
            version,
            wire_type(type(event)),
            event.account_id,
            STARTED_AT,
            encode(event),
            _METADATA,
        )
        for stream_id, version, event in happened
    ]
    waiting = [(TENANT, [event_id(stream_id, version)]) for stream_id, version, _ in happened]
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
        await connection.copy_records_to_table("events", schema_name="daybook", records=stored)
        await connection.copy_records_to_table(
            "billing_outbox",
            schema_name="daybook",
            columns=["tenant", "event_ids"],
            records=waiting,
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
