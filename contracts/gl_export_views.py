"""Exports of the general ledger as the query API returns them."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.gl_export import GlExportFormat, LedgerTotal
from contracts.ids import GlExportId
from contracts.money import Currency
from contracts.views import Instant, Version, View


class GlExportStatus(StrEnum):
    """Where an export is."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    FAILED = "failed"


class GlExportSummary(View, frozen=True, kw_only=True):
    """An export of the general ledger; what it holds is null until it is completed."""

    gl_export_id: GlExportId
    status: GlExportStatus
    booked_from: date
    booked_to: date
    facility: str | None
    currency: Currency | None
    format: GlExportFormat
    layout: Annotated[str | None, Meta(description="the ERP layout; null: the plain one")]
    requested_at: Instant
    ended_at: Instant | None
    row_count: int | None
    totals: Annotated[tuple[LedgerTotal, ...], Meta(description="by currency")]
    size_bytes: int | None
    sha256: Annotated[str | None, Meta(description="of the file, in hex")]
    manifest_sha256: Annotated[str | None, Meta(description="of the manifest, in hex")]
    cut_at: Annotated[int | None, Meta(description="position up to which entries were taken")]
    code: Annotated[str | None, Meta(description="why it failed; a stable code")]
    detail: Annotated[str | None, Meta(description="why it failed, and what to do about it")]
    version: Version


class GlExportPage(View, frozen=True, kw_only=True):
    """Exports, the latest asked for first."""

    items: tuple[GlExportSummary, ...]
    cursor: str | None
