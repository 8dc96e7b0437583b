"""Exports of the general ledger over HTTP: ask for one, see how it stands, download it."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Final, Literal

import msgspec
import structlog
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import Stream
from msgspec import Meta

from contracts.gl_export import GlExportFormat, GlExportRequested
from contracts.gl_export_views import GlExportPage, GlExportStatus
from contracts.ids import GlExportId
from contracts.inbound import FacilityCode
from contracts.money import Currency
from domain.gl_export import RequestGlExport
from projections.cursor import POSITION_MAX
from projections.gl_exports_queries import find_gl_exports
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.ledger import Recorded
from services.api.media import JSON
from services.api.parameters import Cursor, GlExportPath, Limit
from services.api.problems import Problem, invalid, unavailable
from services.api.reading import Reading
from services.api.routes import command, created, download, query
from services.commands import BY_COMMAND
from services.gl_export.found import GlExportFound, find_gl_export
from services.gl_export.layout import layout_id
from services.gl_export.layouts import current_layout
from services.licences import Module
from services.objects import ObjectNotFound, ObjectStoreDenied, ObjectStoreUnreachable

EXPORT: Final = BY_COMMAND[RequestGlExport].scope
CSV: Final = "text/csv"
_MEDIA_TYPES: Final = {GlExportFormat.CSV: CSV, GlExportFormat.JSON: JSON}
_log = structlog.get_logger()


class GlExportRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Export the ledger entries of a period of posting dates."""

    booked_from: Annotated[date, Meta(description="first posting date, inclusive")]
    booked_to: Annotated[date, Meta(description="last posting date, inclusive")]
    format: GlExportFormat = GlExportFormat.CSV
    facility: FacilityCode | None = None
    currency: Currency | None = None
    layout: Annotated[
        Literal["plain", "erp"],
        Meta(description="`erp`: as the tenant's ERP system wants it, in CSV alone"),
    ] = "plain"
    position: (
        Annotated[
            int,
            Meta(
                description="only what the log held up to here, as `cut_at` of another export",
                ge=0,
                le=POSITION_MAX,
            ),
        ]
        | None
    ) = None


class RequestedGlExport(msgspec.Struct, frozen=True, kw_only=True):
    """An export that is being made; read it to see when it is done."""

    gl_export_id: GlExportId
    booked_from: date
    booked_to: date
    facility: str | None
    currency: Currency | None
    format: GlExportFormat
    layout: str | None
    version: Annotated[int, Meta(description="version of the export")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/gl-exports",
    RequestGlExport,
    summary="Export the general ledger",
    codes=("CURRENCY_UNSUPPORTED", "ALREADY_EXISTS"),
    module=Module.GL_EXPORT,
    of_account=False,
    status_code=202,
)
async def request_gl_export(
    data: JSONBody[GlExportRequest],
    call: NamedDependency[Call],
    dependencies: NamedDependency[Dependencies],
) -> Response[RequestedGlExport]:
    """Answers at once; the file and its manifest are made behind the answer."""
    if data.booked_from > data.booked_to:
        raise invalid("$.booked_from", f"{data.booked_from} is after booked_to, {data.booked_to}")
    layout = await _layout(data, call.tenant, dependencies) if data.layout == "erp" else None
    requested = await call.execute(
        data,
        RequestGlExport(
            gl_export_id=GlExportId(call.new_id("gle")),
            booked_from=data.booked_from,
            booked_to=data.booked_to,
            format=data.format,
            facility=data.facility,
            currency=data.currency,
            position=data.position,
            layout=layout,
        ),
    )
    answer = _requested(requested)
    place = f"/v1/gl-exports/{answer.gl_export_id}"
    return created(place, answer, requested, status_code=202)


@query(
    "/gl-exports",
    "gl_exports",
    summary="List exports of the general ledger",
    scope=EXPORT,
    module=Module.GL_EXPORT,
)
async def list_gl_exports(
    reading: NamedDependency[Reading], cursor: Cursor = None, limit: Limit = 50
) -> GlExportPage:
    """Exports, the latest asked for first."""
    async with reading.connection() as connection:
        return await find_gl_exports(connection, cursor=cursor, limit=limit)


@query(
    "/gl-exports/{gl_export_id:str}",
    summary="Read an export of the general ledger",
    scope=EXPORT,
    codes=("NOT_FOUND",),
    module=Module.GL_EXPORT,
)
async def get_gl_export(
    reading: NamedDependency[Reading], gl_export_id: GlExportPath
) -> GlExportFound:
    """The export as it stands in the log: what was asked for can be read at once."""
    return await _find(reading, gl_export_id)


@download(
    "/gl-exports/{gl_export_id:str}/file",
    {CSV: "booked_on,gl_account,currency,debit,credit\r\n", JSON: [{"amount_minor": 12500}]},
    summary="Download the entries of an export",
    scope=EXPORT,
    module=Module.GL_EXPORT,
)
async def get_gl_export_file(
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
    gl_export_id: GlExportPath,
) -> Stream:
    """The file byte for byte, as its digest says; CSV or JSON as it was asked for."""
    found = await _find(reading, gl_export_id)
    return await _stream(dependencies, found, found.file, _MEDIA_TYPES[found.format])


@download(
    "/gl-exports/{gl_export_id:str}/manifest",
    {JSON: {"file": "general-ledger.csv", "row_count": 2}},
    summary="Download the manifest of an export",
    scope=EXPORT,
    module=Module.GL_EXPORT,
)
async def get_gl_export_manifest(
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
    gl_export_id: GlExportPath,
) -> Stream:
    """What the file holds: period, rows, totals by currency, SHA-256, columns."""
    found = await _find(reading, gl_export_id)
    return await _stream(dependencies, found, found.manifest, JSON)


async def _layout(data: GlExportRequest, tenant: str, dependencies: Dependencies) -> str:
    if data.format is not GlExportFormat.CSV:
        raise invalid("$.format", "layouts are for csv: leave `layout` out for json")
    layout = await current_layout(dependencies.reader, tenant)
    if layout is None:
        raise invalid(
            "$.layout", "no ERP layout is set: an operator does, `daybook erp-layout set`"
        )
    return layout_id(layout)


def _requested(recorded: Recorded) -> RequestedGlExport:
    event: GlExportRequested = recorded.event
    return RequestedGlExport(
        gl_export_id=event.gl_export_id,
        booked_from=event.booked_from,
        booked_to=event.booked_to,
        facility=event.facility,
        currency=event.currency,
        format=event.format,
        layout=event.layout,
        version=recorded.version,
        token=recorded.token,
    )


async def _find(reading: Reading, gl_export_id: str) -> GlExportFound:
    async with reading.connection() as connection:
        found = await find_gl_export(connection, reading.tenant, gl_export_id)
    if found is None:
        raise Problem("NOT_FOUND", f"there is no export {gl_export_id}")
    return found


async def _stream(
    dependencies: Dependencies, found: GlExportFound, key: str | None, media_type: str
) -> Stream:
    """An object, opened before the answer begins, so that what is wrong is a problem still."""
    if found.status is not GlExportStatus.COMPLETED or key is None:
        raise Problem("STATE_CONFLICT", f"the export is {found.status}: there is no file of it")
    try:
        opened = await dependencies.objects.open(key)
    except ObjectNotFound as missing:
        raise Problem("NOT_FOUND", f"{key} is in the object store no more") from missing
    except (ObjectStoreUnreachable, ObjectStoreDenied) as away:
        _log.error("object store unavailable", key=key, reason=str(away))
        raise unavailable("the object store is away: repeat the request") from away
    return Stream(
        _bytes(opened.chunks),
        headers={
            # Here, since Litestar takes the route's media type before the answer's.
            "Content-Type": media_type,
            "Content-Length": str(opened.size_bytes),
            "Content-Disposition": f'attachment; filename="{key.rpartition("/")[2]}"',
        },
    )


async def _bytes(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
