"""`daybook audit export`: the log or the general ledger as a file with a manifest. Nothing of the
moment is in either: the same call gives the same bytes.
"""

import tempfile
from collections.abc import Awaitable, Callable
from datetime import date
from enum import StrEnum
from typing import IO, Final, NamedTuple

import msgspec

from contracts.calendar import FIRST_YEAR, LAST_YEAR
from contracts.gl_export import GlExportFormat, GlExportRequested, LedgerTotal
from contracts.ids import GlExportId, derive
from projections.statements import AnyConnection, AnyPool
from services.audit.log_export import (
    COLUMNS,
    LogRange,
    NotExportable,
    OnEvents,
    Written,
    write_jsonl,
    write_parquet,
)
from services.audit.pages import sql
from services.audit.stored_tree import StoredTree
from services.gl_export.beancount import Balance, BeancountWriter
from services.gl_export.exporting import manifest_of
from services.gl_export.layout import PLAIN
from services.gl_export.manifest import FILES, encode_manifest
from services.gl_export.spooling import Selection, Spooled, spool_entries, writer_of

FORM: Final = 1
FIRST_DAY: Final = date(FIRST_YEAR, 1, 1)
LAST_DAY: Final = date(LAST_YEAR, 12, 31)
_SUMS: Final = sql("ledger_sums")
_HEAD: Final = "SELECT log_id, position FROM daybook.log_head"
_CHECKPOINT: Final = (
    "SELECT checkpoint FROM read.projections WHERE name = 'general_ledger' AND stage = 'live'"
)
_FROM_DAY: Final = (
    "SELECT coalesce(min(position), $2 + 1) FROM daybook.event_log"
    " WHERE sequenced_at >= $1::date::timestamp AT TIME ZONE 'UTC'"
)


class ExportFormat(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    GL_CSV = "gl-csv"
    GL_JSON = "gl-json"
    BEANCOUNT = "beancount"

    @property
    def is_of_log(self) -> bool:
        """Whether it is the log, and not the general ledger."""
        return self in (ExportFormat.JSONL, ExportFormat.PARQUET)


class Request(NamedTuple):
    """What is wanted: of the log positions or days on which events were put in order (UTC), of the
    ledger posting dates; all ends are included, and None is the beginning or the end."""

    format: ExportFormat
    tenant: str | None
    since: date | int | None = None
    until: date | int | None = None
    position: int | None = None
    """Where the log is cut; None: where it ends."""


class LogManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of the log holds."""

    form: int
    format: ExportFormat
    tenant: str | None
    since: int
    until: int
    log_id: str
    root: str
    """Of the log's tree up to `until`, in hex: a checkpoint of that size signs it."""
    file: str
    columns: tuple[str, ...]
    row_count: int
    size_bytes: int
    sha256: str


class BooksManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a beancount file holds."""

    form: int
    format: ExportFormat
    tenant: str
    booked_from: date
    booked_to: date
    position: int
    """Of the last entry in the log; 0 where there is none."""
    file: str
    row_count: int
    totals: tuple[LedgerTotal, ...]
    size_bytes: int
    sha256: str


class Exported(NamedTuple):
    """A file and its manifest, whose names are their places' last parts."""

    name: str
    file: IO[bytes]
    manifest: bytes


Deliver = Callable[[Exported], Awaitable[None]]


async def export(
    pool: AnyPool, request: Request, deliver: Deliver, on_events: OnEvents = lambda _: None
) -> msgspec.Struct:
    """Write the file and its manifest, and have them delivered; the manifest. The pool acts as
    daybook_auditor. Raises NotExportable, TreeDamaged and OSError.
    """
    with tempfile.TemporaryFile() as file:
        name, manifest = (
            await _export_log(pool, request, file, on_events)
            if request.format.is_of_log
            else await _export_ledger(pool, request, file)
        )
        file.seek(0)
        await deliver(Exported(name, file, encode_manifest(manifest)))
    return manifest


async def _export_log(
    pool: AnyPool, request: Request, file: IO[bytes], on_events: OnEvents
) -> tuple[str, LogManifest]:
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        log_id, head = await _head(connection, request)
        chosen = LogRange(
            request.tenant,
            await _since(connection, request.since, head),
            await _until(connection, request.until, head),
        )
        write = write_jsonl if request.format is ExportFormat.JSONL else write_parquet
        written: Written = await write(connection, chosen, file, on_events)
        root = await StoredTree(connection, chosen.until).root()
    name = f"events.{request.format}"
    return name, LogManifest(
        form=FORM,
        format=request.format,
        tenant=request.tenant,
        since=chosen.since,
        until=chosen.until,
        log_id=log_id,
        root=root.hex(),
        file=name,
        columns=COLUMNS,
        row_count=written.events,
        size_bytes=written.size_bytes,
        sha256=written.sha256,
    )


async def _head(connection: AnyConnection, request: Request) -> tuple[str, int]:
    row = await connection.fetchrow(_HEAD)
    if row is None:
        raise NotExportable("the log was never created")
    if request.position is not None and request.position > row["position"]:
        raise NotExportable(f"the log ends at {row['position']}, before {request.position}")
    return row["log_id"], row["position"] if request.position is None else request.position


async def _since(connection: AnyConnection, since: date | int | None, head: int) -> int:
    if isinstance(since, date):
        return int(await connection.fetchval(_FROM_DAY, since, head))
    return 1 if since is None else since


async def _until(connection: AnyConnection, until: date | int | None, head: int) -> int:
    if isinstance(until, date):
        after = date.fromordinal(until.toordinal() + 1)
        return min(head, int(await connection.fetchval(_FROM_DAY, after, head)) - 1)
    if until is not None and until > head:
        raise NotExportable(f"the log ends at {head}, before {until}")
    return head if until is None else until


async def _export_ledger(
    pool: AnyPool, request: Request, file: IO[bytes]
) -> tuple[str, msgspec.Struct]:
    if request.tenant is None:
        raise NotExportable("a general ledger is one tenant's: name it with --tenant")
    selection = await _selection(pool, request, request.tenant)
    if request.format is ExportFormat.BEANCOUNT:
        return await _export_books(pool, selection, file)
    form = GlExportFormat(request.format.removeprefix("gl-"))
    spooled = await spool_entries(pool, selection, writer_of(form, PLAIN), file)
    asked = GlExportRequested(
        gl_export_id=GlExportId(derive("gle", "audit")),
        booked_from=selection.booked_from,
        booked_to=selection.booked_to,
        format=form,
    )
    return FILES[form], manifest_of(selection, asked, PLAIN, spooled)


async def _selection(pool: AnyPool, request: Request, tenant: str) -> Selection:
    if isinstance(request.since, int) or isinstance(request.until, int):
        raise NotExportable("entries are chosen by posting dates: give --since and --until as days")
    async with pool.acquire() as connection:
        _, head = await _head(connection, request)
        seen = await connection.fetchval(_CHECKPOINT) or 0
    if request.position is not None and seen < head:
        raise NotExportable(f"the general ledger has seen {seen} of {head} events: try again soon")
    return Selection(tenant, request.since or FIRST_DAY, request.until or LAST_DAY, min(seen, head))


async def _export_books(
    pool: AnyPool, selection: Selection, file: IO[bytes]
) -> tuple[str, BooksManifest]:
    tenant, first, last, cut_at, *_ = selection
    async with pool.acquire() as connection:
        opening = await connection.fetch(_SUMS, tenant, first, cut_at, True)
        closing = await connection.fetch(_SUMS, tenant, last, cut_at, False)
    writer = BeancountWriter(
        tenant, first, last, [Balance(*row) for row in opening], [Balance(*row) for row in closing]
    )
    spooled: Spooled = await spool_entries(pool, selection, writer, file)
    name = "ledger.beancount"
    return name, BooksManifest(
        form=FORM,
        format=ExportFormat.BEANCOUNT,
        tenant=tenant,
        booked_from=first,
        booked_to=last,
        position=spooled.tally.position,
        file=name,
        row_count=spooled.tally.row_count,
        totals=spooled.tally.totals(),
        size_bytes=spooled.size_bytes,
        sha256=spooled.sha256,
    )
