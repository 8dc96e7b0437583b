"""An export from the request to the object store: spool, tell what it is, put it there."""

import hashlib
import tempfile
import time
from typing import IO, Final

import asyncpg
import structlog

from contracts.gl_export import GlExportCompleted, GlExportFormat, GlExportRequested
from services.gl_export.layout import PLAIN, AccountUnmapped, Field, Layout
from services.gl_export.layouts import find_layout
from services.gl_export.manifest import FILES, FORM, MANIFEST, Manifest, encode_manifest
from services.gl_export.spooling import (
    Selection,
    Spooled,
    chunks_of,
    columns_of,
    spool_entries,
    writer_of,
)
from services.objects import ObjectStoreDenied, object_key
from services.ports import ObjectStore

FOLDER: Final = "gl-exports"
_log = structlog.get_logger()


class ExportRefused(Exception):
    """It cannot be exported until somebody mends what the text says; nothing was stored."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def export(
    reader: asyncpg.Pool,
    objects: ObjectStore,
    tenant: str,
    request: GlExportRequested,
    asked_at: int,
) -> GlExportCompleted:
    """Put the file and then its manifest into the object store; the same bytes every time.

    `asked_at` is the position of the request in the log. Raises ExportRefused,
    ObjectStoreUnreachable, asyncpg's errors and OSError.
    """
    began = time.monotonic()
    layout = await _layout(reader, tenant, request.layout)
    selection = _selection(tenant, request, asked_at)
    # Unnamed: it is gone with the process, however that ends.
    with tempfile.TemporaryFile() as file:
        spooled = await _spool(reader, selection, request, layout, file)
        manifest = manifest_of(selection, request, layout, spooled)
        completed = await _store(objects, request, selection, manifest, file)
    _log.info(
        "general ledger exported",
        tenant=tenant,
        gl_export_id=request.gl_export_id,
        position=selection.cut_at,
        rows=manifest.row_count,
        size_bytes=manifest.size_bytes,
        seconds=round(time.monotonic() - began, 3),
    )
    return completed


async def _spool(
    reader: asyncpg.Pool,
    selection: Selection,
    request: GlExportRequested,
    layout: Layout,
    file: IO[bytes],
) -> Spooled:
    writer = writer_of(request.format, layout)
    try:
        spooled = await spool_entries(reader, selection, writer, file)
    except AccountUnmapped as unmapped:
        raise ExportRefused("ACCOUNT_UNMAPPED", str(unmapped)) from unmapped
    except UnicodeEncodeError as wrong:
        letter = wrong.object[wrong.start]
        raise ExportRefused(
            "TEXT_NOT_ENCODABLE", f"the layout's {layout.encoding} has no {letter!r}: choose utf-8"
        ) from wrong
    _check_currencies(request, layout, spooled)
    return spooled


async def _store(
    objects: ObjectStore,
    request: GlExportRequested,
    selection: Selection,
    manifest: Manifest,
    file: IO[bytes],
) -> GlExportCompleted:
    """The file, then the manifest: whoever finds one finds the other."""
    encoded = encode_manifest(manifest)
    folder = (FOLDER, str(request.gl_export_id))
    file_key = object_key(selection.tenant, *folder, manifest.file)
    manifest_key = object_key(selection.tenant, *folder, MANIFEST)
    try:
        await objects.put(file_key, chunks_of(file))
        await objects.put(manifest_key, encoded)
    except ObjectStoreDenied as denied:
        raise ExportRefused("OBJECT_STORE_DENIED", str(denied)) from denied
    return GlExportCompleted(
        gl_export_id=request.gl_export_id,
        cut_at=selection.cut_at,
        position=manifest.position,
        row_count=manifest.row_count,
        totals=manifest.totals,
        file=file_key,
        size_bytes=manifest.size_bytes,
        sha256=manifest.sha256,
        manifest=manifest_key,
        manifest_sha256=hashlib.sha256(encoded).hexdigest(),
    )


async def _layout(reader: asyncpg.Pool, tenant: str, layout_id: str | None) -> Layout:
    if layout_id is None:
        return PLAIN
    layout = await find_layout(reader, tenant, layout_id)
    if layout is None:
        raise ExportRefused(
            "LAYOUT_UNKNOWN", f"there is no ERP layout {layout_id}: `daybook erp-layout set`"
        )
    return layout


def _selection(tenant: str, request: GlExportRequested, asked_at: int) -> Selection:
    if request.position is not None and request.position > asked_at:
        raise ExportRefused(
            "POSITION_UNKNOWN",
            f"position {request.position} lies behind the request itself, which is {asked_at}:"
            " name one that the log has",
        )
    cut_at = asked_at if request.position is None else request.position
    return Selection(
        tenant,
        request.booked_from,
        request.booked_to,
        cut_at,
        request.facility,
        request.currency,
    )


def _check_currencies(request: GlExportRequested, layout: Layout, spooled: Spooled) -> None:
    currencies = [total.currency for total in spooled.tally.totals()]
    shown = request.format is GlExportFormat.JSON or Field.CURRENCY in layout.fields
    if len(currencies) > 1 and not shown:
        raise ExportRefused(
            "CURRENCY_AMBIGUOUS",
            f"the layout {layout.name!r} has no column `currency`, and there are entries in"
            f" {', '.join(currencies)}: export one currency at a time",
        )


def manifest_of(
    selection: Selection, request: GlExportRequested, layout: Layout, spooled: Spooled
) -> Manifest:
    """What the manifest of a spooled file says."""
    return Manifest(
        form=FORM,
        tenant=selection.tenant,
        booked_from=selection.booked_from,
        booked_to=selection.booked_to,
        facility=selection.facility,
        currency=selection.currency,
        format=request.format,
        file=FILES[request.format],
        columns=columns_of(request.format, layout),
        layout=layout if request.format is GlExportFormat.CSV else None,
        position=spooled.tally.position,
        row_count=spooled.tally.row_count,
        totals=spooled.tally.totals(),
        size_bytes=spooled.size_bytes,
        sha256=spooled.sha256,
    )
