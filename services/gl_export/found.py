"""An export as it stands on the write side, which is never behind."""

from typing import Any, Final

from contracts.gl_export import GlExportRequested
from contracts.gl_export_views import GlExportStatus, GlExportSummary
from domain.gl_export import Completed, Failed
from services.execute.load import decode_state

_FIND: Final = (
    "SELECT h.version, h.state, r.recorded_at AS requested_at, l.recorded_at AS changed_at"
    " FROM daybook.stream_heads h"
    " JOIN daybook.events r ON r.tenant = h.tenant AND r.stream_id = h.stream_id AND r.version = 1"
    " JOIN daybook.events l"
    " ON l.tenant = h.tenant AND l.stream_id = h.stream_id AND l.version = h.version"
    " WHERE h.tenant = $1 AND h.stream_id = $2"
)


class GlExportFound(GlExportSummary, frozen=True, kw_only=True):
    """An export of the general ledger; what it holds is null until it is completed."""

    file: str | None
    """Key in the object store."""
    manifest: str | None


async def find_gl_export(connection: Any, tenant: str, gl_export_id: str) -> GlExportFound | None:
    """An export, None when the tenant has no such one; in a transaction that sees the tenant."""
    row = await connection.fetchrow(_FIND, tenant, gl_export_id)
    if row is None:
        return None
    state = decode_state(gl_export_id, row["state"])
    request: GlExportRequested = state.request
    done = state.completed if isinstance(state, Completed) else None
    failed = state.failed if isinstance(state, Failed) else None
    ended = done is not None or failed is not None
    return GlExportFound(
        gl_export_id=request.gl_export_id,
        status=_status(state),
        booked_from=request.booked_from,
        booked_to=request.booked_to,
        facility=request.facility,
        currency=request.currency,
        format=request.format,
        layout=request.layout,
        requested_at=row["requested_at"],
        ended_at=row["changed_at"] if ended else None,
        row_count=done.row_count if done else None,
        totals=done.totals if done else (),
        size_bytes=done.size_bytes if done else None,
        sha256=done.sha256 if done else None,
        manifest_sha256=done.manifest_sha256 if done else None,
        cut_at=done.cut_at if done else None,
        code=failed.code if failed else None,
        detail=failed.detail if failed else None,
        version=row["version"],
        file=done.file if done else None,
        manifest=done.manifest if done else None,
    )


def _status(state: Any) -> GlExportStatus:
    if isinstance(state, Completed):
        return GlExportStatus.COMPLETED
    return GlExportStatus.FAILED if isinstance(state, Failed) else GlExportStatus.REQUESTED
