"""Each invoice from draft to settled: what is still owed on it, its lines, what settled it, and
what was done to have it paid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import msgspec

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.charge import ChargeTaxTruedUp
from contracts.columns import columns
from contracts.credit import CreditAllocated
from contracts.invoice import (
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceLine,
    InvoiceLinesAdded,
    InvoicePaid,
    InvoiceReminded,
    InvoiceSentToCollections,
    InvoiceVoided,
)
from contracts.payment import Allocation, PaymentPosted
from contracts.views import InvoiceStatus
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 3

_WRITE: Final = sql("invoices_write")
_ADD_LINES: Final = sql("invoice_lines_add")
_TRUE_UP: Final = sql("invoice_lines_true_up")
_ADD_PAYMENTS: Final = sql("invoice_payments_add")
_RELEASE_PAYMENTS: Final = sql("invoice_payments_release")
_ADD_ADJUSTMENTS: Final = sql("invoice_adjustments_add")
_ADD_REMINDERS: Final = sql("invoice_reminders_add")


_encode: Final = msgspec.json.Encoder().encode


class UnknownInvoice(LookupError):
    """Events on invoices that were never drafted."""


@dataclass(slots=True)
class _Change:
    """What a batch does to one invoice; None leaves a column as it is."""

    drafted: InvoiceDrafted | None = None
    drafted_position: int | None = None
    issued: InvoiceIssued | None = None
    paid: InvoicePaid | None = None
    voided: InvoiceVoided | None = None
    outstanding_minor: int = 0
    version: int | None = None
    position: int = 0


@dataclass(slots=True)
class _Batch:
    """What a batch does to the five tables."""

    changes: dict[tuple[str, str], _Change] = field(default_factory=dict)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    trued_up: list[tuple[Any, ...]] = field(default_factory=list)
    payments: list[tuple[Any, ...]] = field(default_factory=list)
    adjustments: list[tuple[Any, ...]] = field(default_factory=list)
    reminders: list[tuple[Any, ...]] = field(default_factory=list)
    voided: list[tuple[str, str]] = field(default_factory=list)

    def change(self, recorded: Recorded, invoice_id: str) -> _Change:
        """The invoice's change, moved to the event's position."""
        key = (recorded.tenant, invoice_id)
        change = self.changes.get(key)
        if change is None:
            change = self.changes[key] = _Change()
        change.position = recorded.position
        if recorded.stream_id == invoice_id:
            change.version = recorded.version
        return change


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the invoices; raises UnknownInvoice."""
    work = _Batch()
    for recorded in batch:
        take = _TAKES.get(type(recorded.event))
        if take is not None:
            take(work, recorded, recorded.event)
    if work.changes:
        rows = [_row(*key, change) for key, change in work.changes.items()]
        written = await connection.fetchval(_WRITE, *columns(rows, "tttttttdddttdtnnnnnnnnn"))
        if written != len(work.changes):
            raise UnknownInvoice(f"{len(work.changes) - written} of these were never drafted")
    if work.lines:
        await connection.execute(_ADD_LINES, *columns(work.lines, "ttnnttndnn"))
    if work.trued_up:
        await connection.execute(_TRUE_UP, *columns(work.trued_up, "tttn"))
    if work.payments:
        await connection.execute(_ADD_PAYMENTS, *columns(work.payments, "ttnnttndd"))
    if work.voided:  # after the payments of the batch: none comes behind a void
        await connection.execute(_RELEASE_PAYMENTS, *columns(work.voided, "tt"))
    if work.adjustments:
        await connection.execute(_ADD_ADJUSTMENTS, *columns(work.adjustments, "ttntttndd"))
    if work.reminders:
        await connection.execute(_ADD_REMINDERS, *columns(work.reminders, "ttnnttnt"))


def owed(recorded: Recorded) -> list[tuple[str, int, date | None]]:
    """What an event changes of what is owed on issued invoices, with the day an issued one is due.

    The one rule for every read model that tells what is outstanding.
    """
    work, take = _Batch(), _TAKES.get(type(recorded.event))
    if take is None:
        return []
    take(work, recorded, recorded.event)
    return [
        (invoice_id, change.outstanding_minor, change.issued.due_on if change.issued else None)
        for (_, invoice_id), change in work.changes.items()
        if change.outstanding_minor or change.issued
    ]


def _drafted(work: _Batch, recorded: Recorded, event: InvoiceDrafted) -> None:
    change = work.change(recorded, event.invoice_id)
    change.drafted, change.drafted_position = event, recorded.position
    _add_lines(work, recorded, event.invoice_id, event.lines)


def _lines_added(work: _Batch, recorded: Recorded, event: InvoiceLinesAdded) -> None:
    work.change(recorded, event.invoice_id)
    _add_lines(work, recorded, event.invoice_id, event.lines)


def _add_lines(
    work: _Batch, recorded: Recorded, invoice_id: str, lines: Sequence[InvoiceLine]
) -> None:
    work.lines += [
        (
            recorded.tenant,
            invoice_id,
            recorded.version,
            number,
            line.charge_id,
            line.code,
            line.quantity,
            line.service_on,
            line.net.minor,
            line.tax.minor,
        )
        for number, line in enumerate(lines, 1)
    ]


def _trued_up(work: _Batch, recorded: Recorded, event: ChargeTaxTruedUp) -> None:
    work.change(recorded, event.invoice_id)
    work.trued_up.append((recorded.tenant, event.invoice_id, event.charge_id, event.tax.minor))


def _issued(work: _Batch, recorded: Recorded, event: InvoiceIssued) -> None:
    change = work.change(recorded, event.invoice_id)
    change.issued = event
    change.outstanding_minor += event.total.minor


def _settled(work: _Batch, recorded: Recorded, event: PaymentPosted) -> None:
    _settle(work, recorded, event, (event.payment_id, event.method))


def _settled_by_credit(work: _Batch, recorded: Recorded, event: CreditAllocated) -> None:
    _settle(work, recorded, event, (event.credit_allocation_id, None))


def _settle(
    work: _Batch,
    recorded: Recorded,
    event: PaymentPosted | CreditAllocated,
    source: tuple[str, str | None],
) -> None:
    parts: tuple[Allocation, ...] = event.allocations
    for line, part in enumerate(parts, 1):
        amount_minor = part.amount.minor
        work.change(recorded, part.invoice_id).outstanding_minor -= amount_minor
        key = (recorded.tenant, part.invoice_id, recorded.position, line)
        work.payments.append((*key, *source, amount_minor, event.effective_on, event.booked_on))


def _adjusted(work: _Batch, recorded: Recorded, event: AdjustmentApplied) -> None:
    if event.invoice_id is not None:
        _adjust(work, recorded, event, event.invoice_id, event.amount.minor)
    for part in event.allocations:
        _adjust(work, recorded, event, part.invoice_id, part.amount.minor)


def _adjust(
    work: _Batch, recorded: Recorded, event: AdjustmentApplied, invoice_id: str, amount_minor: int
) -> None:
    change = work.change(recorded, invoice_id)
    if event.reason is not AdjustmentReason.INVOICE_VOID:  # of which the void itself says all
        credit = event.direction is Direction.CREDIT
        change.outstanding_minor += -amount_minor if credit else amount_minor
    work.adjustments.append(
        (
            recorded.tenant,
            invoice_id,
            recorded.position,
            event.adjustment_id,
            event.reason,
            event.direction,
            amount_minor,
            event.effective_on,
            event.booked_on,
        )
    )


def _paid(work: _Batch, recorded: Recorded, event: InvoicePaid) -> None:
    work.change(recorded, event.invoice_id).paid = event


def _voided(work: _Batch, recorded: Recorded, event: InvoiceVoided) -> None:
    change = work.change(recorded, event.invoice_id)
    change.voided = event
    change.outstanding_minor -= event.outstanding.minor
    work.voided.append((recorded.tenant, event.invoice_id))


def _pursued(
    work: _Batch, recorded: Recorded, event: InvoiceReminded | InvoiceSentToCollections
) -> None:
    work.change(recorded, event.invoice_id)
    reminder = event if isinstance(event, InvoiceReminded) else None
    work.reminders.append(
        (
            recorded.tenant,
            event.invoice_id,
            recorded.position,
            event.day,
            reminder.channel if reminder else None,
            reminder.delivery_id if reminder else None,
            event.outstanding.minor,
            recorded.recorded_at.isoformat(),
        )
    )


_TAKES: Final[dict[type, Callable[[_Batch, Recorded, Any], None]]] = {
    InvoiceDrafted: _drafted,
    InvoiceLinesAdded: _lines_added,
    ChargeTaxTruedUp: _trued_up,
    InvoiceIssued: _issued,
    PaymentPosted: _settled,
    CreditAllocated: _settled_by_credit,
    AdjustmentApplied: _adjusted,
    InvoicePaid: _paid,
    InvoiceVoided: _voided,
    InvoiceReminded: _pursued,
    InvoiceSentToCollections: _pursued,
}


def _row(tenant: str, invoice_id: str, change: _Change) -> tuple[Any, ...]:
    drafted, issued, paid, voided = change.drafted, change.issued, change.paid, change.voided
    final = issued or drafted
    return (
        tenant,
        invoice_id,
        drafted.account_id if drafted else None,
        drafted.facility if drafted else None,
        drafted.currency if drafted else None,
        _status(change),
        issued.number if issued else None,
        issued.issued_on if issued else None,
        issued.due_on if issued else None,
        paid.settled_on if paid else None,
        paid.settled_by if paid else None,
        issued.lines_digest if issued else None,
        voided.voided_on if voided else None,
        _encode(voided.reason).decode() if voided else None,
        final.line_count if final else None,
        final.net.minor if final else None,
        final.tax.minor if final else None,
        final.total.minor if final else None,
        change.outstanding_minor,
        voided.released.minor if voided else None,
        change.drafted_position,
        change.version,
        change.position,
    )


def _status(change: _Change) -> InvoiceStatus | None:
    if change.voided:
        return InvoiceStatus.VOID
    if change.paid:
        return InvoiceStatus.PAID
    if change.issued:
        return InvoiceStatus.ISSUED
    return InvoiceStatus.DRAFT if change.drafted else None
