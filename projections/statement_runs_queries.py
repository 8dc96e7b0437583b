"""Queries about runs of statements, for a connection that reads one tenant."""

from typing import Any, Final

import msgspec

from contracts.statement import DeliveryChannel
from contracts.statement_run_views import (
    StatementRunPage,
    StatementRunStatus,
    StatementRunSummary,
)
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_PAGE: Final = sql("statement_runs_page")
_CURSOR: Final = "statement_runs"
_decode_channels: Final = msgspec.json.Decoder(tuple[DeliveryChannel, ...]).decode


async def find_statement_runs(
    connection: AnyConnection, *, cursor: str | None = None, limit: int = 50
) -> StatementRunPage:
    """Runs, the latest first; raises CursorInvalid."""
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, before, size + 1)
    more = len(rows) > size
    return StatementRunPage(
        items=tuple(_summary(row) for row in rows[:size]),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["position"]) if more else None,
    )


def _summary(row: Any) -> StatementRunSummary:
    return StatementRunSummary(
        run_id=row["run_id"],
        status=StatementRunStatus(row["status"]),
        facility=row["facility"],
        first_on=row["first_on"],
        as_of_date=row["as_of"],
        channels=_decode_channels(row["channels"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        total=row["total"],
        delivered=row["delivered"],
        made=row["made"],
        skipped=row["skipped"],
        failed=row["failed"],
        digest=row["digest"],
        code=row["code"],
        detail=row["detail"],
        version=row["version"],
    )
