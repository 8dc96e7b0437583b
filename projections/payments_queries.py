"""Queries about payments, for a connection that reads one tenant (`daybook.tenants`)."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec

from contracts.ids import InvoiceId
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.views import PaymentAllocation, PaymentPage, PaymentStatus, PaymentSummary
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_ONE: Final = sql("payments_one")
_PAGE: Final = sql("payments_page")
_CURSOR: Final = "payments"


class _Allocation(msgspec.Struct, frozen=True, kw_only=True):
    invoice_id: InvoiceId
    amount_minor: int
    released: bool


_decode_allocations: Final = msgspec.json.Decoder(list[_Allocation]).decode


async def find_payment(connection: AnyConnection, payment_id: str) -> PaymentSummary | None:
    """One payment, or None when this tenant has no such one."""
    row = await connection.fetchrow(_ONE, payment_id)
    return None if row is None else _payment(row)


async def find_payments(
    connection: AnyConnection,
    *,
    account_id: str | None = None,
    remittance_id: str | None = None,
    status: PaymentStatus | None = None,
    method: PaymentMethod | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> PaymentPage:
    """Payments, the latest first; dates are of posting, so one that is not posted is in no period.

    Raises CursorInvalid.
    """
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(
        _PAGE,
        before,
        size + 1,
        account_id,
        remittance_id,
        status,
        method,
        date_from,
        date_to,
    )
    return _page(rows, size)


def _page(rows: Sequence[Any], size: int) -> PaymentPage:
    items = tuple(_payment(row) for row in rows[:size])
    more = len(rows) > size
    return PaymentPage(
        items=items,
        cursor=encode_cursor(_CURSOR, rows[size - 1]["listed_position"]) if more else None,
    )


def _payment(row: Any) -> PaymentSummary:
    currency = row["currency"]
    return PaymentSummary(
        payment_id=row["payment_id"],
        account_id=row["account_id"],
        facility=row["facility"],
        status=PaymentStatus(row["status"]),
        method=PaymentMethod(row["method"]),
        amount=Money.of(row["amount_minor"], currency),
        allocated=Money.of(row["allocated_minor"], currency),
        credited=Money.of(row["credited_minor"], currency),
        refunded=Money.of(row["refunded_minor"], currency),
        refundable=Money.of(_refundable_minor(row), currency),
        payer=row["payer"],
        reference=row["reference"],
        payment_ref=row["payment_ref"],
        payment_method_id=row["payment_method_id"],
        failure=row["failure"],
        remittance_id=row["remittance_id"],
        effective_on=row["effective_on"],
        booked_on=row["booked_on"],
        recorded_at=row["recorded_at"],
        allocations=tuple(
            PaymentAllocation(
                invoice_id=part.invoice_id,
                amount=Money.of(part.amount_minor, currency),
                released=part.released,
            )
            for part in _decode_allocations(row["allocations"])
        ),
        version=row["version"],
        position=row["position"],
    )


def _refundable_minor(row: Any) -> int:
    if row["status"] != PaymentStatus.POSTED:
        return 0
    return int(row["amount_minor"] - row["reserved_minor"])
