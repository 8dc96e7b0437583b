"""The log as a file: JSON Lines with the events as they are stored, or Parquet for analysts."""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, Final, NamedTuple

import msgspec

from projections.statements import AnyConnection
from services.audit.pages import PAGE_BYTES, PAGE_EVENTS, Row, sql

COLUMNS: Final = (
    *("position", "tenant", "tenant_position", "stream_id", "version", "type"),
    *("recorded_at", "sequenced_at", "leaf", "body", "metadata"),
)
ROWS_PER_GROUP: Final = 20_000
_LOGGED: Final = sql("logged")
_NUMBERS: Final = ("position", "tenant_position", "version")
_INSTANTS: Final = ("recorded_at", "sequenced_at")
_encode: Final = msgspec.json.Encoder().encode


class NotExportable(Exception):
    """The log or what was asked for cannot be exported; the text says where and why."""


class LogRange(NamedTuple):
    """Positions from one to another, both included, of a tenant or of all."""

    tenant: str | None
    since: int
    until: int


class Written(NamedTuple):
    """What a file holds."""

    events: int
    size_bytes: int
    sha256: str


OnEvents = Callable[[int], None]


async def write_jsonl(
    connection: AnyConnection, chosen: LogRange, file: IO[bytes], on_events: OnEvents
) -> Written:
    """A line an event; body and metadata are JSON as they are stored. Raises NotExportable."""
    return await _write(connection, chosen, file, on_events, msgspec.Raw)


async def write_parquet(
    connection: AnyConnection, chosen: LogRange, file: IO[bytes], on_events: OnEvents
) -> Written:
    """A row an event; body and metadata are texts. Raises NotExportable."""
    with tempfile.TemporaryFile() as spool:
        written = await _write(connection, chosen, spool, on_events, bytes.decode)
        spool.seek(0)
        await asyncio.to_thread(_to_parquet, spool, file)
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(1024 * 1024):
        digest.update(chunk)
    return Written(written.events, file.tell(), digest.hexdigest())


async def _write(
    connection: AnyConnection,
    chosen: LogRange,
    file: IO[bytes],
    on_events: OnEvents,
    shown: Callable[[bytes], Any],
) -> Written:
    digest = hashlib.sha256()
    count, after = 0, chosen.since - 1
    while rows := await connection.fetch(
        _LOGGED, after, chosen.until, chosen.tenant, PAGE_EVENTS, PAGE_BYTES
    ):
        part = b"".join([_encode(_line(row, shown)) + b"\n" for row in rows])
        file.write(part)
        digest.update(part)
        count, after = count + len(rows), rows[-1]["position"]
        on_events(count)
    file.flush()
    return Written(count, file.tell(), digest.hexdigest())


def _line(row: Row, shown: Callable[[bytes], Any]) -> dict[str, Any]:
    if row["body"] is None:
        raise NotExportable(
            f"the event at position {row['position']} is not there: `daybook audit verify`"
        )
    line: dict[str, Any] = {name: row[name] for name in COLUMNS}
    for name in _INSTANTS:
        line[name] = _instant(line[name])
    return line | {
        "leaf": row["leaf"].hex(),
        "body": shown(row["body"]),
        "metadata": shown(row["metadata"]),
    }


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _to_parquet(lines: IO[bytes], file: IO[bytes]) -> None:
    """Batch by batch: the memory that it takes does not grow with the log."""
    from arro3.core import DataType, Field, Schema
    from arro3.io import read_json
    from arro3.io import write_parquet as write

    kinds = {
        **dict.fromkeys(_NUMBERS, DataType.int64()),
        **dict.fromkeys(_INSTANTS, DataType.timestamp("us", tz="UTC")),
    }
    fields = [Field(name, kinds.get(name, DataType.string()), nullable=False) for name in COLUMNS]
    write(
        read_json(lines, Schema(fields)),
        file,
        compression="zstd(3)",
        created_by="daybook",
        max_row_group_size=ROWS_PER_GROUP,
    )
