"""Pages of a tenant's log as server-sent events, read once for all who stand at the same place."""

import asyncio
from collections import OrderedDict
from importlib.resources import files
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from contracts.bus import CONTENT_TYPE, SEQUENCE_DIGITS, schema_of, source_of
from contracts.cloudevent import CloudEvent, to_structured
from contracts.event import Metadata
from contracts.ids import event_id
from services.api.outage import outage_as_problem

EVENTS_MAX: Final = 200
BYTES_MAX: Final = 256 * 1024
KEPT_MAX: Final = 16

_READ: Final = (files("services.api") / "sql" / "read_events.sql").read_text()
_HEADS: Final = "SELECT tenant, tenant_position FROM tenant_log_heads WHERE tenant = ANY ($1)"
_FOUND: Final = (
    "SELECT l.tenant_position FROM events e"
    " LEFT JOIN event_log l USING (tenant, stream_id, version)"
    " WHERE e.tenant = $1 AND e.stream_id = $2 AND e.version = $3"
)
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


class LogTorn(Exception):
    """Positions of a tenant that are not dense: the log is damaged, and nobody may read over it."""


class Frame(NamedTuple):
    """An event as it goes out."""

    position: int
    """Within its tenant: dense, so that a reader sees that nothing is missing."""
    type: str
    content: bytes


class Pages:
    """Reads the logs of tenants; the pool acts as daybook_reader."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._kept: OrderedDict[tuple[str, int], list[Frame]] = OrderedDict()
        self._reading: dict[tuple[str, int], asyncio.Task[list[Frame]]] = {}

    async def after(self, tenant: str, position: int) -> list[Frame]:
        """What follows a position, empty at the end; raises LogTorn, and Problem for an outage."""
        name = (tenant, position)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        reading = self._reading.get(name)
        if reading is None:
            reading = self._reading[name] = asyncio.create_task(self._read(tenant, position))
            reading.add_done_callback(lambda _: self._reading.pop(name, None))
        return await asyncio.shield(reading)

    async def heads(self, tenants: list[str]) -> dict[str, int]:
        """Where the logs of tenants end; one without events has no head."""
        async with self._pool.acquire() as held, held.transaction(readonly=True):
            await _see(held, ",".join(tenants))
            rows = await held.fetch(_HEADS, tenants)
        return {row["tenant"]: row["tenant_position"] for row in rows}

    async def position_of(self, tenant: str, stream_id: str, version: int) -> int | None:
        """The position of an event, 0 while it has none yet, None when there is no such event."""
        with outage_as_problem():
            async with self._pool.acquire() as held, held.transaction(readonly=True):
                await _see(held, tenant)
                row = await held.fetchrow(_FOUND, tenant, stream_id, version)
        return None if row is None else row["tenant_position"] or 0

    async def _read(self, tenant: str, position: int) -> list[Frame]:
        with outage_as_problem():
            async with self._pool.acquire() as held, held.transaction(readonly=True):
                await _see(held, tenant)
                rows = await held.fetch(_READ, tenant, position, EVENTS_MAX, BYTES_MAX)
        for expected, row in enumerate(rows, position + 1):
            if row["tenant_position"] != expected:
                raise LogTorn(f"{tenant} has no position {expected}: see `daybook audit verify`")
        frames = [_frame(tenant, row) for row in rows]
        if frames:  # what is in the log stays as it is; the end of the log does not
            self._kept[tenant, position] = frames
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return frames


async def _see(held: Any, tenants: str) -> None:
    await held.execute("SELECT set_config('daybook.tenants', $1, true)", tenants)


def _frame(tenant: str, row: asyncpg.Record) -> Frame:
    position, type_ = row["tenant_position"], row["type"]
    data = to_structured(cloud_event(tenant, row)).decode()
    content = f"id: {position}\nevent: {type_}\ndata: {data}\n\n"
    return Frame(position, type_, content.encode())


def cloud_event(tenant: str, row: asyncpg.Record) -> CloudEvent:
    """The event with the attributes that it has on the bus."""
    cause = _decode_metadata(row["metadata"])
    extensions = {
        "sequence": f"{row['position']:0{SEQUENCE_DIGITS}}",
        "partitionsequence": str(row["partition_position"]),
        "streamversion": str(row["version"]),
        "partitionkey": row["partition_key"],
        "correlationid": cause.correlation_id,
    }
    if cause.causation_id is not None:
        extensions["causationid"] = cause.causation_id
    if cause.traceparent is not None:
        extensions["traceparent"] = cause.traceparent
    return CloudEvent(
        id=event_id(row["stream_id"], row["version"]),
        source=source_of(tenant),
        type=row["type"],
        time=row["recorded_at"],
        subject=row["stream_id"],
        datacontenttype=CONTENT_TYPE,
        dataschema=schema_of(row["type"]),
        extensions=extensions,
        data=row["body"],
    )
