"""The log as the `eventsourcing` library reads one: its recorder's methods as `async def`.

Read-only: `execute` is the only writer. The library's value types and errors are used as they are;
its abstract classes are not, since their callers would call a coroutine as if it were a result.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    Notification,
    OperationalError,
    StoredEvent,
)

from services.adapters.postgres.mapper import frame, originator_id, split_originator_id

BIGINT_MAX: Final = 2**63 - 1
PULL_MAX: Final = 500
# The longest that a new event waits to be seen; the first polls after an event are quicker.
POLL_SECONDS_MAX: Final = 0.5
_POLL_SECONDS_MIN: Final = 0.005

_STREAM: Final = """
    SELECT tenant, stream_id, version, type, recorded_at, metadata, body
      FROM events
     WHERE tenant = $1 AND stream_id = $2 AND version > $3 AND version <= $4
"""
_STREAM_UP: Final = _STREAM + "ORDER BY version LIMIT $5"
_STREAM_DOWN: Final = _STREAM + "ORDER BY version DESC LIMIT $5"

# A position whose event is not there, archived or deleted, is read as well, to be refused.
_LOG: Final = """
    SELECT log.position, tenant, stream_id, version, type, recorded_at, metadata, body
      FROM event_log AS log LEFT JOIN events USING (tenant, stream_id, version)
     WHERE log.position >= $1 AND log.position <= $2
       AND ($3::text IS NULL OR tenant = $3)
       AND (cardinality($4::text[]) = 0 OR type IS NULL OR type = ANY ($4))
     ORDER BY log.position LIMIT $5
"""
_HEAD: Final = "SELECT max(position) FROM event_log"
# tenant_position orders a tenant's events as position does, and has an index.
_TENANT_HEAD: Final = """
    SELECT position FROM event_log WHERE tenant = $1 ORDER BY tenant_position DESC LIMIT 1
"""


class AsyncpgRecorder:
    """Reads the log of a pool: all of it, or what one tenant has in it.

    A notification's id is its position. Streams are named `<tenant>/<stream id>`. Without a tenant
    the role of the pool must be one that reads every tenant.
    """

    def __init__(self, pool: asyncpg.Pool, tenant: str | None = None) -> None:
        self._pool = pool
        self._tenant = tenant

    @property
    def name(self) -> str:
        """The application name of this log in a `Tracking`; a part of it has a name of its own."""
        return "daybook" if self._tenant is None else f"daybook/{self._tenant}"

    async def select_events(
        self,
        originator_id: str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of a stream, also those that have no position yet; raises PersistenceError."""
        tenant, stream_id = split_originator_id(originator_id)
        first = -1 if gt is None else gt
        last = BIGINT_MAX if lte is None else lte
        sql = _STREAM_DOWN if desc else _STREAM_UP
        rows = await self._fetch(sql, tenant, stream_id, first, last, limit)
        return [StoredEvent(**self._fields(row)) for row in rows]

    async def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in the order of the log, positions `start` to `stop`; topics are wire types."""
        first = 1 if start is None else start + (not inclusive_of_start)
        last = BIGINT_MAX if stop is None else stop
        rows = await self._fetch(_LOG, first, last, self._tenant, list(topics), limit)
        return [Notification(id=row["position"], **self._fields(row)) for row in rows]

    async def max_notification_id(self) -> int | None:
        """The position of the last event in order, None in an empty log."""
        if self._tenant is None:
            rows = await self._fetch(_HEAD)
        else:
            rows = await self._fetch(_TENANT_HEAD, self._tenant)
        return rows[0][0] if rows else None

    async def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> AsyncIterator[Notification]:
        """Every event after position `gt`, then new ones as they come; ends with its consumer."""
        async for batch in self.pull(gt, topics, follow=True):
            for notification in batch:
                yield notification

    async def pull(
        self,
        gt: int | None = None,
        topics: Sequence[str] = (),
        *,
        follow: bool,
        limit: int = PULL_MAX,
    ) -> AsyncIterator[Sequence[Notification]]:
        """Batches of events after position `gt`: to the end of the log or, with `follow`, for ever.

        No batch is empty.
        """
        position, pause = gt or 0, _POLL_SECONDS_MIN
        while True:
            # Whatever the filters leave out up to this head is read once and not again.
            head = await self.max_notification_id() or 0
            while position < head:
                batch = await self.select_notifications(
                    position, limit, head, topics, inclusive_of_start=False
                )
                position = batch[-1].id if len(batch) == limit else head
                if batch:
                    pause = _POLL_SECONDS_MIN
                    yield batch
            if not follow:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS_MAX)

    def _fields(self, row: asyncpg.Record) -> dict[str, Any]:
        stream = originator_id(row["tenant"], row["stream_id"])
        if row["type"] is None:
            raise DataError(f"{stream}-{row['version']} has a position, but is not in `events`")
        return {
            "originator_id": stream,
            "originator_version": row["version"],
            "topic": row["type"],
            "state": self._state(row),
        }

    def _state(self, row: asyncpg.Record) -> bytes:
        return frame(row["recorded_at"], row["metadata"], row["body"])

    async def _fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        with library_errors():
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                if self._tenant is not None:  # for roles that row-level security holds
                    await connection.execute(
                        "SELECT set_config('daybook.tenants', $1, true)", self._tenant
                    )
                return await connection.fetch(sql, *arguments)


@contextmanager
def library_errors() -> Iterator[None]:
    """Errors of asyncpg as those of the library, which are those of PEP 249."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(str(error)) from error
    except asyncpg.DataError as error:
        raise DataError(str(error)) from error
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, OSError) as error:
        raise OperationalError(str(error)) from error
    except asyncpg.InterfaceError as error:
        raise InterfaceError(str(error)) from error
    except asyncpg.PostgresError as error:
        raise DatabaseError(str(error)) from error
