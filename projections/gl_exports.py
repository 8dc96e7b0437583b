"""Each export of the general ledger: what was asked for, what left, or why nothing did."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.columns import columns
from contracts.gl_export import GlExportCompleted, GlExportFailed, GlExportRequested
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_ADD: Final = sql("gl_exports_add")
_END: Final = sql("gl_exports_end")


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add what was asked for, then end what ended."""
    requested: list[tuple[Any, ...]] = []
    ended: list[tuple[Any, ...]] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, GlExportRequested):
            requested.append(_requested(recorded, event))
        elif isinstance(event, GlExportCompleted):
            ended.append(_completed(recorded, event))
        elif isinstance(event, GlExportFailed):
            ended.append(_failed(recorded, event))
    if requested:
        await connection.execute(_ADD, *columns(requested, "ttddttttttnn"))
    if ended:
        await connection.execute(_END, *columns(ended, "tttntntttnttn"))


def _requested(recorded: Recorded, event: GlExportRequested) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.gl_export_id,
        event.booked_from,
        event.booked_to,
        event.facility,
        event.currency,
        event.format,
        event.layout,
        "requested",
        recorded.recorded_at.isoformat(),
        recorded.version,
        recorded.position,
    )


def _completed(recorded: Recorded, event: GlExportCompleted) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.gl_export_id,
        "completed",
        event.row_count,
        msgspec.json.encode(event.totals).decode(),
        event.size_bytes,
        event.sha256,
        event.manifest_sha256,
        recorded.recorded_at.isoformat(),
        event.cut_at,
        None,
        None,
        recorded.version,
    )


def _failed(recorded: Recorded, event: GlExportFailed) -> tuple[Any, ...]:
    nothing = (None, "[]", None, None, None)
    at = recorded.recorded_at.isoformat()
    head = (recorded.tenant, event.gl_export_id, "failed", *nothing)
    return (*head, at, None, event.code, event.detail, recorded.version)
