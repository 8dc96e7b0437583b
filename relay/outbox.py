"""What the publisher reads of the log, and how far it is behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from contracts.bus import source_of
from contracts.ids import event_id
from relay.database import PLAN_BY_KEY, Connection
from relay.lease import Lease

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_READ: Final = files("relay").joinpath("sql/read.sql").read_text()
_BACKLOG: Final = files("relay").joinpath("sql/backlog.sql").read_text()


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log is behind the commands, and the stream behind the log."""

    unsequenced_rows: int
    """Commands that wait for positions."""
    head_position: int
    relay_position: int
    """The last position that JetStream acknowledged."""
    oldest_unpublished_seconds: float
    """Since the commit of the oldest command that is not acknowledged; 0 when all are."""
    oldest_transaction_seconds: float
    """Of this database; a long one keeps the outbox's deleted rows from being reused."""


@asynccontextmanager
async def open_ahead(pool: asyncpg.Pool) -> AsyncIterator["Ahead"]:
    """A reader of the log with a connection of its own."""
    async with pool.acquire() as connection:
        await connection.execute(PLAN_BY_KEY)
        ahead = Ahead(connection)
        try:
            yield ahead
        finally:
            await ahead.stop()


class Ahead:
    """Reads the log one batch ahead: Postgres looks for the next one while this one is sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next: asyncio.Task[list[asyncpg.Record]] | None = None
        self._wanted = (0, 0)

    async def read(self, after: int, events_max: int) -> list[asyncpg.Record]:
        """The events after a position in order: at least one if there are any.

        Columns: position, tenant, partition, partition_position, stream_id, version, committed_at,
        type, partition_key, recorded_at, body, metadata.
        """
        if self._next is None or self._wanted != (after, events_max):
            await self.stop()
            rows = await self._fetch(after, events_max)
        else:
            ahead, self._next = self._next, None
            rows = await ahead
        # After a short batch there is nothing yet, and what is read ahead would be stale.
        if len(rows) == events_max:
            self._wanted = (rows[-1]["position"], events_max)
            self._next = asyncio.create_task(self._fetch(*self._wanted))
        return rows

    async def _fetch(self, after: int, events_max: int) -> list[asyncpg.Record]:
        return await self._connection.fetch(_READ, after, events_max, BATCH_BYTES_MAX)

    async def stop(self) -> None:
        """Leave the batch ahead, if there is one."""
        if self._next is not None:
            ahead, self._next = self._next, None
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


async def event_at(connection: Connection, position: int) -> tuple[str, str, bytes]:
    """The id, the source and the body of the event at a position of the log."""
    ((tenant, stream_id, version, body),) = await connection.fetch(
        "SELECT tenant, stream_id, version, body FROM event_log"
        " JOIN events USING (tenant, stream_id, version) WHERE position = $1",
        position,
    )
    return event_id(stream_id, version), source_of(tenant), body


async def head_position(connection: Connection) -> int:
    """The last position of the log."""
    return int(await connection.fetchval("SELECT position FROM log_head"))


async def first_position_within(connection: Connection, seconds: float) -> int:
    """The first position that is not older than this, one after the head when all are; 0 seconds
    mean any age. `sequenced_at` grows with the position, so halving finds it without an index."""
    low, high = 1, await head_position(connection) + 1
    while seconds and low < high:
        middle = (low + high) // 2
        recent = await connection.fetchval(
            "SELECT sequenced_at > clock_timestamp() - make_interval(secs => $2)"
            " FROM event_log WHERE position = $1",
            middle,
            seconds,
        )
        low, high = (low, middle) if recent else (middle + 1, high)
    return low


async def record_progress(connection: Connection, lease: Lease, stream: str, position: int) -> bool:
    """Note how far the stream is, for metrics and operators; False when the lease is not held."""
    noted = await connection.fetchval(
        "WITH held AS (SELECT FROM leases WHERE name = $3 AND fence = $4"
        " AND expires_at > clock_timestamp() FOR KEY SHARE)"
        " INSERT INTO relay_progress (stream, position, published_at)"
        " SELECT $1, $2, clock_timestamp() FROM held"
        " ON CONFLICT (stream) DO UPDATE SET position = excluded.position,"
        " published_at = excluded.published_at RETURNING true",
        stream,
        position,
        lease.name,
        lease.fence,
    )
    return noted is not None


async def measure_backlog(connection: Connection, stream: str) -> Backlog:
    """Measured in one statement, in about a millisecond unless very much waits."""
    (row,) = await connection.fetch(_BACKLOG, stream)
    return msgspec.convert(dict(row), Backlog)
