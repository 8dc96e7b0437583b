"""Reads the entries of an export in one snapshot and writes them into a file of this machine.

The object store gets the file when the transaction is over, so that a slow store holds none open.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import date
from importlib.resources import files
from typing import IO, Any, Final, NamedTuple

import asyncpg

from contracts.gl_export import GlExportFormat
from services.gl_export.layout import Layout
from services.gl_export.manifest import Tally
from services.gl_export.writing import CsvWriter, Entry, JsonEntry, JsonWriter, Writer

ENTRIES_AT_ONCE: Final = 5_000
SORT_MEMORY: Final = "64MB"  # of Postgres; what does not fit it sorts on disk
_CHUNK_BYTES: Final = 1024 * 1024
_ENTRIES: Final = (files("services.gl_export") / "sql" / "entries.sql").read_text()


class Selection(NamedTuple):
    """Which entries of a tenant: a period of posting dates, cut at a position of the log."""

    tenant: str
    booked_from: date
    booked_to: date
    cut_at: int
    facility: str | None = None
    currency: str | None = None


class Spooled(NamedTuple):
    """What the file holds."""

    tally: Tally
    size_bytes: int
    sha256: str


class Spool:
    """A file that is being written, with its digest and the sums of what is in it."""

    def __init__(self, file: IO[bytes], writer: Writer) -> None:
        self._file = file
        self._writer = writer
        self._digest = hashlib.sha256()
        self._tally = Tally()
        self._size_bytes = 0

    def begin(self) -> None:
        """Write what stands before the entries."""
        self._write(self._writer.begin())

    def add(self, rows: Sequence[Any]) -> None:
        """Write entries; raises AccountUnmapped and UnicodeEncodeError."""
        entries = [Entry(*row) for row in rows]
        self._tally.add(entries)
        self._write(self._writer.entries(entries))

    def end(self) -> Spooled:
        """Write what stands behind the entries."""
        self._write(self._writer.end())
        self._file.flush()
        return Spooled(self._tally, self._size_bytes, self._digest.hexdigest())

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._digest.update(content)
        self._size_bytes += len(content)


def writer_of(format_: GlExportFormat, layout: Layout) -> Writer:
    """The writer of a format; JSON has no layout."""
    return JsonWriter() if format_ is GlExportFormat.JSON else CsvWriter(layout)


def columns_of(format_: GlExportFormat, layout: Layout) -> tuple[str, ...]:
    """The names that a reader of the file finds."""
    if format_ is GlExportFormat.JSON:
        return JsonEntry.__struct_fields__
    return tuple(column.heading for column in layout.columns)


async def spool_entries(
    reader: asyncpg.Pool, selection: Selection, writer: Writer, file: IO[bytes]
) -> Spooled:
    """Write the entries into the file; the pool acts as daybook_reader.

    Raises AccountUnmapped and UnicodeEncodeError, asyncpg's errors and OSError.
    """
    spool = Spool(file, writer)
    spool.begin()
    async for rows in read_entries(reader, selection):
        # Writing takes as long as reading: other work of this process goes on meanwhile.
        await asyncio.to_thread(spool.add, rows)
    return spool.end()


async def read_entries(
    reader: asyncpg.Pool, selection: Selection
) -> AsyncIterator[list[asyncpg.Record]]:
    """The entries in their order, some at a time, through a cursor in one snapshot."""
    chosen = selection[1:]
    async with (
        reader.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(
            "SELECT set_config('daybook.tenants', $1, true), set_config('work_mem', $2, true)",
            selection.tenant,
            SORT_MEMORY,
        )
        cursor = await connection.cursor(_ENTRIES, *chosen)
        while rows := await cursor.fetch(ENTRIES_AT_ONCE):
            yield rows


async def chunks_of(file: IO[bytes]) -> AsyncIterator[bytes]:
    """A file from its beginning, a part at a time."""
    file.seek(0)
    while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
        yield chunk
