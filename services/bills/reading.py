"""Bills from their heads, their line items from the log: what was just written is seen."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple

from asyncpg.pool import PoolConnectionProxy

from contracts.bill import BillLineItemAdded, BillSurface
from contracts.catalogue import decode
from contracts.ids import BillId
from domain.bill_places import prefix_of
from domain.bill_states import BillState
from services.execute.load import decode_state

Connection = PoolConnectionProxy

NEWEST: Final = 100
"""How many line items an answer has that must cost the same however long its bill is."""
ALL: Final = 2**31 - 1


def _sql(name: str) -> str:
    return (files("services.bills") / "sql" / f"{name}.sql").read_text()


_HEADS: Final = (
    "SELECT stream_id, version, state FROM daybook.stream_heads"
    " WHERE tenant = $1 AND stream_id = ANY ($2)"
)
_COUNT: Final = (
    "SELECT count(*) FROM daybook.claims WHERE tenant = $1 AND kind = 'bill'"
    " AND key >= $2 AND key < $3"
)
_BILLS: Final = _sql("bills_of_customer")
_PAGE: Final = _sql("page_of_bills")
_ITEMS: Final = _sql("items_of_bills")


class FoundBill(NamedTuple):
    """A bill as it stands."""

    bill_id: BillId
    version: int
    state: BillState


async def read_bill(connection: Connection, tenant: str, bill_id: str) -> FoundBill | None:
    """One bill, or None where there is none."""
    rows = await connection.fetch(_HEADS, tenant, [bill_id])
    return _found(rows[0]) if rows else None


async def read_bills(
    connection: Connection,
    tenant: str,
    surface: BillSurface,
    customer_id: str,
    *,
    first: str = "",
    last: str | None = None,
) -> list[FoundBill]:
    """A customer's bills of a surface, the oldest first; monthly ones from a month to another."""
    prefix = prefix_of(surface, customer_id)
    end = _behind(prefix) if last is None else f"{prefix}{_behind(f'{last}/')}"
    rows = await connection.fetch(_BILLS, tenant, f"{prefix}{first}", end)
    return [_found(row) for row in rows]


async def page_of_dated(
    connection: Connection, tenant: str, *, limit: int, offset: int
) -> tuple[list[FoundBill], int]:
    """Bills from start to end, the newest first, and how many there are in all."""
    prefix = prefix_of(BillSurface.DATED, "")
    names = (tenant, prefix, _behind(prefix))
    rows = await connection.fetch(_PAGE, *names, limit, offset)
    return [_found(row) for row in rows], int(await connection.fetchval(_COUNT, *names))


def _behind(prefix: str) -> str:
    """The first name behind all that begin so: `0` follows `/`."""
    return f"{prefix[:-1]}0"


async def read_items(
    connection: Connection, tenant: str, bill_ids: Iterable[str], newest: int = ALL
) -> dict[str, list[BillLineItemAdded]]:
    """The newest line items of bills, each bill's in their order."""
    found: dict[str, list[BillLineItemAdded]] = defaultdict(list)
    rows = await connection.fetch(_ITEMS, tenant, list(bill_ids), newest)
    for at in range(0, len(rows), NEWEST):
        if at:
            await asyncio.sleep(0)  # others are answered meanwhile: there may be 50,000
        for row in rows[at : at + NEWEST]:
            event: Any = decode(row["type"], row["body"])
            found[row["stream_id"]].append(event)
    return found


def _found(row: Any) -> FoundBill:
    state = decode_state(row["stream_id"], row["state"])
    return FoundBill(BillId(row["stream_id"]), row["version"], state)


def total_minor(bills: Sequence[FoundBill]) -> int:
    """What bills of one currency come to together."""
    return sum(bill.state.total_minor for bill in bills)
