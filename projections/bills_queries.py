"""Queries about bills and billing periods, for a connection that reads one tenant."""

from typing import Any, Final

from contracts.bill import BillSurface, ClosedBy
from contracts.bill_views import BillPage, BillStatus, BillSummary, PeriodSummary
from contracts.money import Money
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_ONE: Final = sql("bills_one")
_PAGE: Final = sql("bills_page")
_PERIODS: Final = sql("periods_page")
_CURSOR: Final = "bills"


async def find_bill(connection: AnyConnection, bill_id: str) -> BillSummary | None:
    """One bill, or None when this tenant has no such one."""
    row = await connection.fetchrow(_ONE, bill_id)
    return None if row is None else _summary(row)


async def find_bills(
    connection: AnyConnection,
    *,
    status: BillStatus | None = None,
    customer_id: str | None = None,
    surface: BillSurface | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> BillPage:
    """Bills, the latest first; raises CursorInvalid."""
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, before, size + 1, status, customer_id, surface)
    more = len(rows) > size
    return BillPage(
        items=tuple(_summary(row) for row in rows[:size]),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["created_position"]) if more else None,
    )


async def find_periods(
    connection: AnyConnection, customer_id: str, *, limit: int = 50
) -> list[PeriodSummary]:
    """A customer's periods, the latest first."""
    rows = await connection.fetch(_PERIODS, customer_id, page_size(limit))
    return [
        PeriodSummary(**dict(row) | {"closed_by": _closed_by(row["closed_by"])}) for row in rows
    ]


def _summary(row: Any) -> BillSummary:
    return BillSummary(
        bill_id=row["bill_id"],
        account_id=row["account_id"],
        surface=BillSurface(row["surface"]),
        customer_id=row["customer_id"],
        facility=row["facility"],
        currency=row["currency"],
        status=BillStatus(row["status"]),
        month=row["month"],
        period_id=row["period_id"],
        created_at=row["created_at"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        updated_at=row["updated_at"],
        closed_at=row["closed_at"],
        closed_by=_closed_by(row["closed_by"]),
        item_count=row["item_count"],
        total=Money.of(row["total_minor"], row["currency"]),
        invoice_id=row["invoice_id"],
        payment_id=row["payment_id"],
        code=row["code"],
        detail=row["detail"],
        version=row["version"],
        position=row["position"],
    )


def _closed_by(text: str | None) -> ClosedBy | None:
    return None if text is None else ClosedBy(text)
