"""Queries about refunds, for a connection that reads one tenant (`daybook.tenants`)."""

from datetime import date
from typing import Any, Final

import msgspec

from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.views import RefundPage, RefundStatus, RefundSummary
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_ONE: Final = sql("refunds_one")
_PAGE: Final = sql("refunds_page")
_CURSOR: Final = "refunds"
_decode: Final = msgspec.json.Decoder(Private).decode


async def find_refund(connection: AnyConnection, refund_id: str) -> RefundSummary | None:
    """One refund, or None when this tenant has no such one."""
    row = await connection.fetchrow(_ONE, refund_id)
    return None if row is None else _refund(row)


async def find_refunds(
    connection: AnyConnection,
    *,
    account_id: str | None = None,
    payment_id: str | None = None,
    status: RefundStatus | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> RefundPage:
    """Refunds, the latest asked for first; dates are of the request. Raises CursorInvalid."""
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(
        _PAGE, before, size + 1, account_id, payment_id, status, date_from, date_to
    )
    more = len(rows) > size
    return RefundPage(
        items=tuple(_refund(row) for row in rows[:size]),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["listed_position"]) if more else None,
    )


def _refund(row: Any) -> RefundSummary:
    currency = row["currency"]
    return RefundSummary(
        refund_id=row["refund_id"],
        payment_id=row["payment_id"],
        account_id=row["account_id"],
        facility=row["facility"],
        status=RefundStatus(row["status"]),
        method=PaymentMethod(row["method"]),
        amount=Money.of(row["amount_minor"], currency),
        reason=_reason(row["reason"]),
        requested_by=row["requested_by"],
        requested_on=row["requested_on"],
        decided_by=row["decided_by"],
        rejection_reason=_reason(row["rejection_reason"]),
        issued_on=row["issued_on"],
        from_credit=Money.of(row["from_credit_minor"] or 0, currency),
        from_receivable=Money.of(row["from_receivable_minor"] or 0, currency),
        failure=row["failure"],
        version=row["version"],
        position=row["position"],
    )


def _reason(sealed: str | None) -> Private | None:
    return None if sealed is None else _decode(sealed)
