"""What sagas read of the ledger: where their encounters and remittances stand, and their invoices.

Everything is read from the write side, which is never behind.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
from asyncpg.pool import PoolConnectionProxy

from contracts.catalogue import decode
from contracts.event import Event, Metadata
from services.execute.load import decode_state

Connection = PoolConnectionProxy


def sql(name: str) -> str:
    """The text of a statement of this package."""
    return (files("services.sagas") / "sql" / name).read_text()


_SOURCES: Final = sql("read_sources.sql")
_OPEN_CHARGES: Final = sql("open_charges.sql")
_STATES: Final = (
    "SELECT stream_id, state FROM stream_heads WHERE tenant = $1 AND stream_id = ANY ($2)"
)
_NUMBERS: Final = (
    "SELECT key, stream_id FROM claims"
    " WHERE tenant = $1 AND kind = 'invoice_number' AND key = ANY ($2)"
)


class Source(NamedTuple):
    """What a saga works on: its first event, that event's digest and cause, its state now."""

    tenant: str
    stream_id: str
    event: Any
    digest: bytes
    cause: Metadata
    state: Any
    recorded_at: datetime


_decode_cause: Final = msgspec.json.Decoder(Metadata).decode


async def read_sources(
    connection: Connection, tenant: str, stream_ids: Sequence[str], kind: type[Event]
) -> list[Source]:
    """The streams that begin with an event of this kind, in the order of the ids."""
    found = {
        row["stream_id"]: Source(
            tenant=tenant,
            stream_id=row["stream_id"],
            event=decode(row["type"], row["body"]),
            digest=hashlib.sha256(row["body"]).digest(),
            cause=_decode_cause(row["metadata"]),
            state=decode_state(row["stream_id"], row["state"]),
            recorded_at=row["recorded_at"],
        )
        for row in await connection.fetch(_SOURCES, tenant, stream_ids)
    }
    return [
        found[stream_id]
        for stream_id in dict.fromkeys(stream_ids)
        if stream_id in found and isinstance(found[stream_id].event, kind)
    ]


async def read_states(
    connection: Connection, tenant: str, stream_ids: Iterable[str]
) -> dict[str, Any]:
    """The folded states of those of these streams that there are."""
    rows = await connection.fetch(_STATES, tenant, sorted(set(stream_ids)))
    return {row["stream_id"]: decode_state(row["stream_id"], row["state"]) for row in rows}


async def read_numbers(
    connection: Connection, tenant: str, numbers: Iterable[str]
) -> dict[str, str]:
    """The invoices that bear these numbers."""
    rows = await connection.fetch(_NUMBERS, tenant, sorted(set(numbers)))
    return {row["key"]: row["stream_id"] for row in rows}


async def read_open_charges(
    connection: Connection, tenant: str, charges: Sequence[tuple[str, str]]
) -> set[str]:
    """Which of these charges, each with its account, are on no invoice yet."""
    if not charges:
        return set()
    accounts, items = zip(*charges, strict=True)
    rows = await connection.fetch(_OPEN_CHARGES, tenant, list(accounts), list(items))
    return {row["item_id"] for row in rows}
