"""A run of statements as it stands: its events, how far it is, and what failed."""

from typing import Any, Final

import msgspec

from contracts.catalogue import decode
from contracts.event import Event, Metadata
from contracts.ids import split_event_id
from contracts.statement import StatementCompleted, StatementFailed, StatementStarted
from contracts.statement_run_views import (
    StatementFailure,
    StatementFailurePage,
    StatementRunDetail,
    StatementRunStatus,
)
from projections.cursor import decode_cursor, encode_cursor, page_size
from services.statements.queries import sql

_EVENTS: Final = sql("run_events")
_KEEPS_ACCOUNTS: Final = sql("facility_accounts")
_PROGRESS: Final = sql("run_progress")
_FAILURES: Final = sql("run_failures")
_CURSOR: Final = "statement_failures"
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


class RunFound(msgspec.Struct, frozen=True, kw_only=True):
    """A run's start and its end in the log."""

    tenant: str
    stream_id: str
    version: int
    started: StatementStarted
    started_at: Any
    cause: Metadata
    ended: Event | None
    ended_at: Any


async def keeps_accounts(connection: Any, tenant: str, facility: str) -> bool:
    """Whether a facility keeps an account: one that does once always does."""
    found: bool = await connection.fetchval(_KEEPS_ACCOUNTS, tenant, facility)
    return found


async def find_run(connection: Any, tenant: str, run_id: str) -> RunFound | None:
    """A run from the log, which is never behind; None when the tenant has no such one."""
    stream_id, version = split_event_id(run_id)
    rows = await connection.fetch(_EVENTS, tenant, stream_id, version, run_id)
    events = [decode(row["type"], row["body"]) for row in rows]
    if not events or not isinstance(events[0], StatementStarted):
        return None
    return RunFound(
        tenant=tenant,
        stream_id=stream_id,
        version=rows[-1]["version"],
        started=events[0],
        started_at=rows[0]["recorded_at"],
        cause=_decode_metadata(rows[0]["metadata"]),
        ended=events[1] if len(events) > 1 else None,
        ended_at=rows[1]["recorded_at"] if len(events) > 1 else None,
    )


async def find_run_detail(connection: Any, tenant: str, run_id: str) -> StatementRunDetail | None:
    """A run and how far it is, in a transaction that sees the tenant."""
    found = await find_run(connection, tenant, run_id)
    if found is None:
        return None
    progress = await connection.fetchrow(_PROGRESS, tenant, run_id)
    completed = found.ended if isinstance(found.ended, StatementCompleted) else None
    failed = found.ended if isinstance(found.ended, StatementFailed) else None
    return StatementRunDetail(
        run_id=found.started.run_id,
        status=_status(found.ended),
        facility=found.started.facility,
        first_on=found.started.first_on,
        as_of_date=found.started.as_of,
        channels=found.started.channels,
        started_at=found.started_at,
        ended_at=found.ended_at,
        total=progress["total"],
        done=progress["done"],
        delivered=progress["delivered"],
        made=progress["made"],
        skipped=progress["skipped"],
        failed=progress["failed"],
        digest=completed.digest if completed else None,
        code=failed.code if failed else None,
        detail=failed.detail if failed else None,
        version=found.version,
    )


def _status(ended: Event | None) -> StatementRunStatus:
    match ended:
        case None:
            return StatementRunStatus.RUNNING
        case StatementCompleted():
            return StatementRunStatus.COMPLETED
        case _:
            return StatementRunStatus.FAILED


async def find_failures(
    connection: Any, tenant: str, run_id: str, *, cursor: str | None = None, limit: int = 50
) -> StatementFailurePage:
    """The accounts that got nothing, by id; raises CursorInvalid."""
    after = decode_cursor(_CURSOR, cursor, str)[0] if cursor else ""
    size = page_size(limit)
    rows = await connection.fetch(_FAILURES, tenant, run_id, after, size + 1)
    more = len(rows) > size
    return StatementFailurePage(
        items=tuple(
            StatementFailure(
                account_id=row["account_id"],
                code=row["code"],
                detail=row["detail"],
                failed_at=row["ended_at"],
            )
            for row in rows[:size]
        ),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["account_id"]) if more else None,
    )
