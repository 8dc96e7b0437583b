"""Queries about invoices, for a connection that reads one tenant (`daybook.tenants`)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from contracts.adjustment import AdjustmentReason, Direction
from contracts.ids import AdjustmentId, BillId, ChargeId
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.statement import DeliveryChannel
from contracts.views import (
    InvoiceAdjustment,
    InvoiceBill,
    InvoiceDetail,
    InvoiceLineDetail,
    InvoicePage,
    InvoicePayment,
    InvoiceReminder,
    InvoiceStatus,
    InvoiceSummary,
)
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_DETAIL: Final = sql("invoices_detail")
_PAGE: Final = sql("invoices_page")
_CURSOR: Final = "invoices"


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    line: int
    charge_id: ChargeId
    code: str
    quantity: int
    service_on: date
    net_minor: int
    tax_minor: int


class _Payment(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    method: PaymentMethod | None
    amount_minor: int
    released: bool
    effective_on: date
    booked_on: date


class _Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    adjustment_id: AdjustmentId
    reason: AdjustmentReason
    direction: Direction
    amount_minor: int
    effective_on: date
    booked_on: date


class _Reminder(msgspec.Struct, frozen=True, kw_only=True):
    day: int
    channel: DeliveryChannel | None
    delivery_id: str | None
    outstanding_minor: int
    recorded_at: datetime


class _Bill(msgspec.Struct, frozen=True, kw_only=True):
    bill_id: BillId
    customer_id: str
    month: str | None
    item_count: int
    total_minor: int


_decode_bill: Final = msgspec.json.Decoder(_Bill).decode
_decode_reason: Final = msgspec.json.Decoder(Private).decode
_decode_lines: Final = msgspec.json.Decoder(list[_Line]).decode
_decode_payments: Final = msgspec.json.Decoder(list[_Payment]).decode
_decode_adjustments: Final = msgspec.json.Decoder(list[_Adjustment]).decode
_decode_reminders: Final = msgspec.json.Decoder(list[_Reminder]).decode


async def find_invoice(connection: AnyConnection, invoice_id: str) -> InvoiceDetail | None:
    """One invoice with all that belongs to it, everything of one moment; None: no such."""
    row = await connection.fetchrow(_DETAIL, invoice_id)
    if row is None:
        return None
    currency, released_minor = row["currency"], row["released_minor"]
    return InvoiceDetail(
        invoice=_summary(row),
        settled_by=row["settled_by"],
        void_reason=None if row["void_reason"] is None else _decode_reason(row["void_reason"]),
        released=None if released_minor is None else Money.of(released_minor, currency),
        lines_digest=row["lines_digest"],
        lines=tuple(_line(line, currency) for line in _decode_lines(row["lines"])),
        bill=None if row["bill"] is None else _bill(_decode_bill(row["bill"]), currency),
        payments=tuple(_payment(part, currency) for part in _decode_payments(row["payments"])),
        adjustments=tuple(
            _adjustment(part, currency) for part in _decode_adjustments(row["adjustments"])
        ),
        reminders=tuple(_reminder(part, currency) for part in _decode_reminders(row["reminders"])),
    )


async def find_invoices(
    connection: AnyConnection,
    *,
    account_id: str | None = None,
    status: InvoiceStatus | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> InvoicePage:
    """Invoices, the latest drafted first; the dates bound the day of issue, both inclusive.

    A draft has no such day and is in no period. Raises CursorInvalid.
    """
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, before, size + 1, account_id, status, date_from, date_to)
    return _page(rows, size)


def _page(rows: Sequence[Any], size: int) -> InvoicePage:
    items = tuple(_summary(row) for row in rows[:size])
    more = len(rows) > size
    return InvoicePage(
        items=items,
        cursor=encode_cursor(_CURSOR, rows[size - 1]["drafted_position"]) if more else None,
    )


def _summary(row: Any) -> InvoiceSummary:
    currency = row["currency"]
    return InvoiceSummary(
        invoice_id=row["invoice_id"],
        account_id=row["account_id"],
        facility=row["facility"],
        status=InvoiceStatus(row["status"]),
        number=row["number"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        paid_on=row["paid_on"],
        voided_on=row["voided_on"],
        line_count=row["line_count"],
        net=Money.of(row["net_minor"], currency),
        tax=Money.of(row["tax_minor"], currency),
        total=Money.of(row["total_minor"], currency),
        outstanding=Money.of(row["outstanding_minor"], currency),
        version=row["version"],
        position=row["position"],
    )


def _line(line: _Line, currency: str) -> InvoiceLineDetail:
    return InvoiceLineDetail(
        line=line.line,
        charge_id=line.charge_id,
        code=line.code,
        quantity=line.quantity,
        service_on=line.service_on,
        net=Money.of(line.net_minor, currency),
        tax=Money.of(line.tax_minor, currency),
    )


def _bill(bill: _Bill, currency: str) -> InvoiceBill:
    is_monthly = bill.month is not None
    return InvoiceBill(
        bill_id=bill.bill_id,
        name=f"bill/{bill.customer_id}/{bill.month}" if is_monthly else bill.bill_id,
        item_count=bill.item_count,
        total=Money.of(bill.total_minor, currency),
    )


def _payment(part: _Payment, currency: str) -> InvoicePayment:
    return InvoicePayment(
        payment_id=part.payment_id,
        method=part.method,
        amount=Money.of(part.amount_minor, currency),
        released=part.released,
        effective_on=part.effective_on,
        booked_on=part.booked_on,
    )


def _adjustment(part: _Adjustment, currency: str) -> InvoiceAdjustment:
    return InvoiceAdjustment(
        adjustment_id=part.adjustment_id,
        reason=part.reason,
        direction=part.direction,
        amount=Money.of(part.amount_minor, currency),
        effective_on=part.effective_on,
        booked_on=part.booked_on,
    )


def _reminder(part: _Reminder, currency: str) -> InvoiceReminder:
    return InvoiceReminder(
        day=part.day,
        channel=part.channel,
        delivery_id=part.delivery_id,
        outstanding=Money.of(part.outstanding_minor, currency),
        recorded_at=part.recorded_at.astimezone(UTC),
    )
