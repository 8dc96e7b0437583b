"""What a bill is in each of its states, and how its events change it.

A state is of one size however many items its bill has: these are the events of its stream.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.bill import (
    BillActivated,
    BillAttentionRequired,
    BillClosed,
    BillClosing,
    BillCreated,
    BillLineItemAdded,
    BillSurface,
    ClosedBy,
)
from contracts.ids import AccountId, InvoiceId, LineItemId, PaymentId, PeriodId
from contracts.private import Private
from domain.line_item import digest_after


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bill is in every state; times are of its events."""

    account_id: AccountId
    surface: BillSurface
    customer_id: str
    facility: str
    currency: str
    created_at: datetime
    updated_at: datetime
    starts_at: datetime
    ends_at: datetime | None = None
    month: str | None = None
    period_id: PeriodId | None = None
    idempotency_key: str | None = None
    item_count: int = 0
    total_minor: int = 0
    digest: str = ""
    last_item: LineItemId | None = None
    """Tells the repeat of the last command; every other one is told by its identity."""


class Pending(Known, frozen=True, kw_only=True, omit_defaults=True, tag="pending"):
    """Its start is still to come."""


class Active(Known, frozen=True, kw_only=True, omit_defaults=True, tag="active"):
    """It takes line items."""


class Ending(Known, frozen=True, kw_only=True, omit_defaults=True):
    """Frozen: nothing is added any more."""

    attempt: int
    closing_at: datetime
    closed_by: ClosedBy
    reason: Private | None = None
    invoice_id: InvoiceId | None = None
    """Its invoice, once that is issued."""
    payment_id: PaymentId | None = None


class Closing(Ending, frozen=True, kw_only=True, omit_defaults=True, tag="closing"):
    """Its charge has no end yet."""


class AttentionRequired(
    Ending, frozen=True, kw_only=True, omit_defaults=True, tag="attention_required"
):
    """Somebody has to mend what stands against it."""

    code: str
    detail: str


class Closed(Ending, frozen=True, kw_only=True, omit_defaults=True, tag="closed"):
    """Final."""

    closed_at: datetime


BillState = Pending | Active | Closing | AttentionRequired | Closed
BillEvent = (
    BillCreated
    | BillActivated
    | BillLineItemAdded
    | BillClosing
    | BillClosed
    | BillAttentionRequired
)


def evolve(bill: BillState | None, event: BillEvent) -> BillState | None:
    """The bill after an event."""
    match event, bill:
        case BillCreated(), _:
            return _pending(event)
        case BillActivated(), Pending():
            return Active(**_known(bill) | {"updated_at": event.activated_at})
        case BillLineItemAdded(), (Pending() | Active()):
            return msgspec.structs.replace(
                bill,
                updated_at=event.added_at,
                item_count=bill.item_count + 1,
                total_minor=bill.total_minor + event.amount.minor,
                digest=digest_after(bill.digest, event),
                last_item=event.line_item_id,
            )
        case BillClosing(), (Pending() | Active() | AttentionRequired()):
            return _closing(bill, event)
        case BillAttentionRequired(), Closing():
            fields = _ending(bill) | {"updated_at": event.at}
            return AttentionRequired(**fields, code=event.code, detail=event.detail)
        case BillClosed(), Closing():
            fields = _ending(bill) | {"updated_at": event.closed_at}
            return Closed(**fields, closed_at=event.closed_at)
        case _:
            return bill


_KNOWN: Final[Sequence[str]] = Known.__struct_fields__
_ENDING: Final[Sequence[str]] = Ending.__struct_fields__


def _known(bill: Known) -> dict[str, Any]:
    return {name: getattr(bill, name) for name in _KNOWN}


def _ending(bill: Ending) -> dict[str, Any]:
    return {name: getattr(bill, name) for name in _ENDING}


def _pending(event: BillCreated) -> Pending:
    return Pending(
        account_id=event.account_id,
        surface=event.surface,
        customer_id=event.customer_id,
        facility=event.facility,
        currency=event.currency,
        created_at=event.created_at,
        updated_at=event.created_at,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        month=event.month,
        period_id=event.period_id,
        idempotency_key=event.idempotency_key,
    )


def _closing(bill: Known, event: BillClosing) -> Closing:
    return Closing(
        **_known(bill) | {"updated_at": event.closing_at},
        attempt=event.attempt,
        closing_at=event.closing_at,
        closed_by=event.closed_by,
        reason=event.reason,
        invoice_id=event.invoice_id,
        payment_id=event.payment_id,
    )
