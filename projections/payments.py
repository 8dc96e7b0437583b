"""Each payment, the invoices that it was allocated to, and what of it was given back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.columns import columns
from contracts.invoice import InvoiceVoided
from contracts.payment import PaymentFailed, PaymentInitiated, PaymentPosted
from contracts.refund import RefundFailed, RefundIssued, RefundRejected, RefundRequested
from contracts.views import PaymentStatus
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 3

_WRITE: Final = sql("payments_write")
_ADD_ALLOCATIONS: Final = sql("payment_allocations_add")
_RELEASE: Final = sql("payments_release")


class UnknownPayment(LookupError):
    """Refunds of payments that were never made."""


@dataclass(slots=True)
class _Change:
    """What a batch does to one payment; None leaves a column as it is."""

    initiated: PaymentInitiated | None = None
    posted: PaymentPosted | None = None
    failed: PaymentFailed | None = None
    by_gateway: bool = False
    recorded_at: str | None = None
    listed_position: int | None = None
    refunded_minor: int = 0
    reserved_minor: int = 0
    version: int | None = None
    position: int = 0


@dataclass(slots=True)
class _Batch:
    """What a batch does to both tables."""

    changes: dict[tuple[str, str], _Change] = field(default_factory=dict)
    allocations: list[tuple[Any, ...]] = field(default_factory=list)
    voided: list[tuple[str, str, int]] = field(default_factory=list)

    def change(self, recorded: Recorded, payment_id: str) -> _Change:
        """The payment's change, moved to the event's position."""
        change = self.changes.setdefault((recorded.tenant, payment_id), _Change())
        change.position = recorded.position
        if recorded.stream_id == payment_id:
            change.version = recorded.version
            if recorded.version == 1:
                change.listed_position = recorded.position
        return change


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the payments; raises UnknownPayment."""
    work = _Batch()
    for recorded in batch:
        take = _TAKES.get(type(recorded.event))
        if take is not None:
            take(work, recorded, recorded.event)
    if work.changes:
        rows = [_row(*key, change) for key, change in work.changes.items()]
        written = await connection.fetchval(_WRITE, *columns(rows, "tttttttnnnttttttddtnnnnn"))
        if written != len(work.changes):
            raise UnknownPayment(f"{len(work.changes) - written} of these were never made")
    if work.allocations:
        await connection.execute(_ADD_ALLOCATIONS, *columns(work.allocations, "ttntn"))
    if work.voided:  # after the payments of the batch: none comes behind a void
        await connection.execute(_RELEASE, *columns(work.voided, "ttn"))


def _initiated(work: _Batch, recorded: Recorded, event: PaymentInitiated) -> None:
    change = work.change(recorded, event.payment_id)
    change.initiated, change.recorded_at = event, recorded.recorded_at.isoformat()


def _posted(work: _Batch, recorded: Recorded, event: PaymentPosted) -> None:
    change = work.change(recorded, event.payment_id)
    change.posted, change.recorded_at = event, recorded.recorded_at.isoformat()
    change.by_gateway = recorded.version > 1  # it was initiated before
    work.allocations += [
        (recorded.tenant, event.payment_id, line, part.invoice_id, part.amount.minor)
        for line, part in enumerate(event.allocations, 1)
    ]


def _failed(work: _Batch, recorded: Recorded, event: PaymentFailed) -> None:
    work.change(recorded, event.payment_id).failed = event


def _refund_requested(work: _Batch, recorded: Recorded, event: RefundRequested) -> None:
    work.change(recorded, event.payment_id).reserved_minor += event.amount.minor


def _refund_rejected(work: _Batch, recorded: Recorded, event: RefundRejected) -> None:
    work.change(recorded, event.payment_id).reserved_minor -= event.amount.minor


def _refund_issued(work: _Batch, recorded: Recorded, event: RefundIssued) -> None:
    work.change(recorded, event.payment_id).refunded_minor += event.amount.minor


def _refund_failed(work: _Batch, recorded: Recorded, event: RefundFailed) -> None:
    change = work.change(recorded, event.payment_id)
    change.reserved_minor -= event.amount.minor
    if event.postings:  # it was booked before
        change.refunded_minor -= event.amount.minor


def _voided(work: _Batch, recorded: Recorded, event: InvoiceVoided) -> None:
    work.voided.append((recorded.tenant, event.invoice_id, recorded.position))


_TAKES: Final[dict[type, Callable[[_Batch, Recorded, Any], None]]] = {
    PaymentInitiated: _initiated,
    PaymentPosted: _posted,
    PaymentFailed: _failed,
    RefundRequested: _refund_requested,
    RefundRejected: _refund_rejected,
    RefundIssued: _refund_issued,
    RefundFailed: _refund_failed,
    InvoiceVoided: _voided,
}


def _row(tenant: str, payment_id: str, change: _Change) -> tuple[Any, ...]:
    posted, initiated, failed = change.posted, change.initiated, change.failed
    first = initiated or posted
    sent_by = initiated or (None if change.by_gateway else posted)
    allocated_minor = posted.amount.minor - posted.credited.minor if posted else None
    return (
        tenant,
        payment_id,
        first.account_id if first else None,
        first.facility if first else None,
        first.currency if first else None,
        _status(change),
        first.method if first else None,
        first.amount.minor if first else None,
        allocated_minor,
        posted.credited.minor if posted else None,
        posted.payer if posted else None,
        sent_by.reference if sent_by else None,
        posted.reference if posted and change.by_gateway else None,
        initiated.payment_method_id if initiated else None,
        failed.code if failed else None,
        posted.remittance_id if posted else None,
        posted.effective_on if posted else None,
        posted.booked_on if posted else None,
        change.recorded_at,
        change.refunded_minor,
        change.reserved_minor,
        change.listed_position,
        change.version,
        change.position,
    )


def _status(change: _Change) -> PaymentStatus | None:
    if change.posted:
        return PaymentStatus.POSTED
    if change.failed:
        return PaymentStatus.FAILED
    return PaymentStatus.INITIATED if change.initiated else None
