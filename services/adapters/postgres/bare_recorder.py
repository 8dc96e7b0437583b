"""A recorder that also writes, into a bare log that is in order as soon as it is written.

It exists to prove the reading side against the library's own test cases; production never has one.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import asyncpg
from eventsourcing.persistence import StoredEvent

from services.adapters.postgres.event_store import AsyncpgRecorder, library_errors
from services.adapters.postgres.mapper import split_originator_id

_SCHEMA: Final = files("services.adapters.postgres") / "sql" / "bare_log.sql"
_INSERT: Final = """
    INSERT INTO events (tenant, stream_id, version, type, body)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[])
"""
# One statement is one transaction: a conflict takes the positions back, so they stay dense. The
# head comes first, since two writers that met in `events` before it would wait for each other.
_INSERT_IN_ORDER: Final = """
    WITH head AS (UPDATE log_head SET position = position + cardinality($1::text[])
        RETURNING position - cardinality($1::text[]) AS position),
    numbered AS (SELECT head.position + ordinality AS position, event.*
        FROM head, unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[])
            WITH ORDINALITY AS event (tenant, stream_id, version, type, body, ordinality)),
    added AS (INSERT INTO events (tenant, stream_id, version, type, body)
        SELECT tenant, stream_id, version, type, body FROM numbered),
    placed AS (INSERT INTO event_log (position, tenant, tenant_position, stream_id, version)
        SELECT position, tenant, position, stream_id, version FROM numbered)
    SELECT position FROM numbered ORDER BY position
"""


async def create_bare_log(pool: asyncpg.Pool) -> None:
    """Create the tables of a bare log in the schema that the pool's search path names."""
    await pool.execute(_SCHEMA.read_text())


class BareRecorder(AsyncpgRecorder):
    """Reads as `AsyncpgRecorder` does, and writes.

    Like the library's two kinds: not `in_order` it records streams only, and returns no ids.
    """

    def __init__(self, pool: asyncpg.Pool, *, in_order: bool = True) -> None:
        super().__init__(pool)
        self._in_order = in_order

    async def insert_events(
        self, stored_events: Sequence[StoredEvent], **_kwargs: Any
    ) -> Sequence[int] | None:
        """Write all or none, and return their positions; raises IntegrityError."""
        if not stored_events:
            return None
        streams = [split_originator_id(event.originator_id) for event in stored_events]
        columns = (
            [tenant for tenant, _ in streams],
            [stream_id for _, stream_id in streams],
            [event.originator_version for event in stored_events],
            [event.topic for event in stored_events],
            [event.state for event in stored_events],
        )
        with library_errors():
            if self._in_order:
                rows = await self._pool.fetch(_INSERT_IN_ORDER, *columns)
                return [row["position"] for row in rows]
            await self._pool.execute(_INSERT, *columns)
            return None

    def _state(self, row: asyncpg.Record) -> bytes:
        return bytes(row["body"])
