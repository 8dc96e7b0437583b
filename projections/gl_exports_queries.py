"""Queries about exports of the ledger, for a connection that reads one tenant."""

from typing import Any, Final

import msgspec

from contracts.gl_export import GlExportFormat, LedgerTotal
from contracts.gl_export_views import GlExportPage, GlExportStatus, GlExportSummary
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_PAGE: Final = sql("gl_exports_page")
_CURSOR: Final = "gl_exports"
_decode_totals: Final = msgspec.json.Decoder(tuple[LedgerTotal, ...]).decode


async def find_gl_exports(
    connection: AnyConnection, *, cursor: str | None = None, limit: int = 50
) -> GlExportPage:
    """Exports, the latest asked for first; raises CursorInvalid."""
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, before, size + 1)
    more = len(rows) > size
    return GlExportPage(
        items=tuple(_summary(row) for row in rows[:size]),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["position"]) if more else None,
    )


def _summary(row: Any) -> GlExportSummary:
    return GlExportSummary(
        gl_export_id=row["gl_export_id"],
        status=GlExportStatus(row["status"]),
        booked_from=row["booked_from"],
        booked_to=row["booked_to"],
        facility=row["facility"],
        currency=row["currency"],
        format=GlExportFormat(row["format"]),
        layout=row["layout"],
        requested_at=row["requested_at"],
        ended_at=row["ended_at"],
        row_count=row["row_count"],
        totals=_decode_totals(row["totals"]),
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        manifest_sha256=row["manifest_sha256"],
        cut_at=row["cut_at"],
        code=row["code"],
        detail=row["detail"],
        version=row["version"],
    )
