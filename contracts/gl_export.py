"""What happens to an export of the general ledger: what was asked for, and what left the books."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import Event
from contracts.ids import GlExportId
from contracts.money import Currency


class GlExportFormat(StrEnum):
    """How the entries are written."""

    CSV = "csv"
    JSON = "json"


class LedgerTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What was debited and credited in one currency; the two are the same in whole transactions."""

    currency: Currency
    debit: Annotated[str, Meta(description="decimal string", examples=["125.00"])]
    credit: Annotated[str, Meta(description="decimal string", examples=["125.00"])]


class GlExportRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for the ledger entries of a period of posting dates."""

    gl_export_id: GlExportId
    booked_from: Annotated[date, Meta(description="first posting date, inclusive")]
    booked_to: Annotated[date, Meta(description="last posting date, inclusive")]
    format: GlExportFormat
    facility: Annotated[str | None, Meta(description="only entries of this facility")] = None
    currency: Annotated[Currency | None, Meta(description="only entries in this currency")] = None
    position: Annotated[
        int | None,
        Meta(description="only what the log held up to here; null: up to this event"),
    ] = None
    layout: Annotated[
        str | None, Meta(description="SHA-256 of the tenant's ERP layout; null: the plain layout")
    ] = None


class GlExportCompleted(Event, frozen=True, kw_only=True):
    """The file and its manifest lie in the object store; what was exported, with its digest."""

    gl_export_id: GlExportId
    cut_at: Annotated[int, Meta(description="position in the log up to which entries were taken")]
    position: Annotated[int, Meta(description="position of the last entry; 0 where there is none")]
    row_count: int
    totals: Annotated[tuple[LedgerTotal, ...], Meta(description="by currency, in its order")]
    file: Annotated[str, Meta(description="key of the file in the object store")]
    size_bytes: int
    sha256: Annotated[str, Meta(description="of the file, in hex")]
    manifest: Annotated[str, Meta(description="key of the manifest in the object store")]
    manifest_sha256: Annotated[str, Meta(description="of the manifest, in hex")]


class GlExportFailed(Event, frozen=True, kw_only=True):
    """Nothing was exported, and somebody has to mend what stands against it."""

    gl_export_id: GlExportId
    code: str
    detail: Annotated[str, Meta(description="what is wrong and what to do about it")]
