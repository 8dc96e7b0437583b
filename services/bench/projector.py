"""The projector: events per second into the four read models, from messages of the stream."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from contracts.catalogue import encode, wire_type
from contracts.ids import event_id
from projections.freshness import lags
from projections.projection import REGISTRY
from services.bench.visits import CHARGES_PER_VISIT, STARTED_AT, TENANT, visits
from services.projector.feed import Delivery
from services.projector.serve import POOL_SIZE, serve_projector
from services.wiring import migrate, open_pool

DATABASE: Final = "bench_projector"
BATCH: Final = 500
SECONDS_MAX: Final = 120.0
_POLL_SECONDS: Final = 0.02
_METADATA: Final = b'{"actor":"bench","command":"bench","correlation_id":"bench"}'


class Message(NamedTuple):
    """A delivery of the stream of events."""

    sequence: int
    headers: dict[str, str]
    payload: bytes


class Stream:
    """A stream that is never late, so that the projector is what is measured."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages

    @asynccontextmanager
    async def open(self, after: int) -> AsyncIterator["_Open"]:
        """The stream behind a position."""
        yield _Open(self._messages, after)


class _Open(NamedTuple):
    messages: list[Message]
    after: int

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        for start in range(self.after, len(self.messages), BATCH):
            yield self.messages[start : start + BATCH]
            await asyncio.sleep(0)
        await asyncio.Event().wait()


async def bench_projector(url: str, *, events: int = 60_000) -> float:
    """Events per second of one process that owns all projections, in a database of its own."""
    async with projected(url, events) as (_, per_second):
        return per_second


@asynccontextmanager
async def projected(url: str, events: int) -> AsyncIterator[tuple[str, float]]:
    """A database of its own with the projected visits, and how many events a second that took."""
    server = await asyncpg.connect(url)
    try:
        await server.execute("DROP DATABASE IF EXISTS bench_projector WITH (FORCE)")
        await server.execute("CREATE DATABASE bench_projector")
        try:
            own = urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}"))
            yield own, await _measure(own, events)
        finally:
            await server.execute("DROP DATABASE bench_projector WITH (FORCE)")
    finally:
        await server.close()


async def _measure(url: str, events: int) -> float:
    messages = await _write_log(url, events)
    pool = await open_pool(url, "daybook_projector", size_max=POOL_SIZE)
    stopping = asyncio.Event()
    begun = time.perf_counter()
    serving = asyncio.create_task(
        serve_projector(
            pool,
            Stream(messages).open,
            owner="bench",
            lease_seconds=10,
            stopping=stopping,
        )
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await _until_projected(pool, len(messages), serving)
        return len(messages) / (time.perf_counter() - begun)
    finally:
        stopping.set()
        await serving
        await pool.close()


async def _until_projected(pool: asyncpg.Pool, position: int, serving: asyncio.Task[None]) -> None:
    while not serving.done():
        async with pool.acquire() as connection:
            found = await lags(connection)
        if len(found) == len(REGISTRY) and all(lag.checkpoint == position for lag in found):
            return
        await asyncio.sleep(_POLL_SECONDS)
    serving.result()


async def _write_log(url: str, events: int) -> list[Message]:
    """The log in Postgres, and the same events as messages."""
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
        stored, log, messages = [], [], []
        for position, happened in enumerate(visits(events // (CHARGES_PER_VISIT + 4)), 1):
            row = _stored(position, *happened)
            stored.append(row)
            log.append(_logged(position, row))
            messages.append(_message(position, row))
        await connection.copy_records_to_table("events", schema_name="daybook", records=stored)
        await connection.copy_records_to_table("event_log", schema_name="daybook", records=log)
        await connection.execute("UPDATE daybook.log_head SET position = $1", len(messages))
        await connection.execute("VACUUM ANALYZE")
        return messages
    finally:
        await connection.close()


def _stored(position: int, stream_id: str, version: int, event: Any) -> tuple[Any, ...]:
    recorded_at = STARTED_AT + timedelta(milliseconds=position)
    type_ = wire_type(type(event))
    return (
        TENANT,
        stream_id,
        version,
        type_,
        event.account_id,
        recorded_at,
        encode(event),
        _METADATA,
    )


def _logged(position: int, row: tuple[Any, ...]) -> tuple[Any, ...]:
    tenant, stream_id, version, _, _, recorded_at, body, _ = row
    leaf = hashlib.sha256(body).digest()
    place = (position, tenant, position, 0, position, stream_id, version)
    return (*place, recorded_at, recorded_at, leaf)


def _message(position: int, row: tuple[Any, ...]) -> Message:
    tenant, stream_id, version, type_, key, recorded_at, body, _ = row
    headers = {
        "ce-id": event_id(stream_id, version),
        "ce-source": f"/daybook/{tenant}",
        "ce-type": type_,
        "ce-time": f"{recorded_at.isoformat()[:-6]}Z",
        "ce-partitionkey": key,
    }
    return Message(position, headers, body)
