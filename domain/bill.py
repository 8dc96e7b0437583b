"""Bills: they accrue line items over a period and close at its end, by themselves or by hand."""

from typing import Final

import msgspec

from contracts.bill import ClosedBy
from contracts.ids import AccountId, BillId, PaymentId
from contracts.private import Private
from domain.bill_adding import AddFee, AddLineItem, activated, add, add_fee
from domain.bill_closing import Frozen, attention, close, closed, freeze
from domain.bill_making import CreateBill, create, is_repeat
from domain.bill_states import (
    Active,
    AttentionRequired,
    BillState,
    Closed,
    Closing,
    Ending,
    Pending,
    evolve,
)
from domain.book import Book
from domain.card import Initiated
from domain.decider import Decider, Decision
from domain.payment import Posted as PaymentPosted
from domain.rejections import AlreadyExists, BillNotOpen, NotFound, PaymentPending

DUE_DAYS: Final = 30


class ActivateBill(msgspec.Struct, frozen=True, kw_only=True):
    """Have a bill take line items, once its start has come."""

    bill_id: BillId
    account_id: AccountId


class CloseBill(msgspec.Struct, frozen=True, kw_only=True):
    """Freeze a bill and have it owed."""

    bill_id: BillId
    account_id: AccountId
    closed_by: ClosedBy
    reason: Private | None = None
    due_days: int = DUE_DAYS


class FinishBill(msgspec.Struct, frozen=True, kw_only=True):
    """Close a frozen bill whose charge has an end."""

    bill_id: BillId
    account_id: AccountId
    payment_id: PaymentId


class RequireAttention(msgspec.Struct, frozen=True, kw_only=True):
    """Note that a bill cannot be finalised as things are.

    `attempt` is the one that failed, 0 where the bill could not be frozen: one that is past it by
    now stays as it is.
    """

    bill_id: BillId
    account_id: AccountId
    attempt: int
    code: str
    detail: str


class RetryBill(msgspec.Struct, frozen=True, kw_only=True):
    """Finalise again what needed attention."""

    bill_id: BillId
    account_id: AccountId
    due_days: int = DUE_DAYS


BillCommand = (
    CreateBill
    | ActivateBill
    | AddLineItem
    | AddFee
    | CloseBill
    | FinishBill
    | RequireAttention
    | RetryBill
)


def decide(command: BillCommand, book: Book) -> Decision:
    """Make a bill, add to it while it is open, close it once; a repeat decides nothing."""
    if isinstance(command, AddFee):
        return add_fee(command, book)
    bill: BillState | None = book.states.get(command.bill_id)
    match command, bill:
        case CreateBill(), None:
            return create(command, book)
        case CreateBill(), known if known is not None and is_repeat(command, known):
            return []
        case CreateBill(), _:
            raise AlreadyExists(f"the bill is there already: {command.bill_id}")
        case _, None:
            raise NotFound(f"there is no bill {command.bill_id}")
        case _, known if known.account_id != command.account_id:
            raise NotFound(f"bill {command.bill_id} is not one of account {command.account_id}")
        case ActivateBill(), Pending() if book.recorded_at >= bill.starts_at:
            return [(command.bill_id, activated(command.bill_id, bill, book))]
        case ActivateBill(), Pending():
            raise BillNotOpen(f"bill {command.bill_id} begins at {bill.starts_at:%Y-%m-%d %H:%M}Z")
        case ActivateBill(), _:
            return []
        case AddLineItem(item=item), _ if item.line_item_id == bill.last_item:
            return []
        case AddLineItem(item=item), (Pending() | Active()):
            return add(command.bill_id, bill, item, None, book)
        case CloseBill(), (Pending() | Active()):
            frozen = _frozen(command.bill_id, bill, attempt=1)
            return close(frozen, command.closed_by, command.reason, command.due_days, book)
        case CloseBill(reason=Private() as reason), Ending(reason=known_reason) if (
            reason == known_reason
        ):
            return []  # The very same command again.
        case RequireAttention() | FinishBill() | RetryBill(), _:
            return _finalise(command, bill, book)
        case _:
            raise _not_open(command.bill_id, bill)


def _finalise(
    command: RequireAttention | FinishBill | RetryBill, bill: BillState, book: Book
) -> Decision:
    """What becomes of a bill that is frozen, or cannot be; a repeat decides nothing."""
    match command, bill:
        case RequireAttention(attempt=0), (Pending() | Active()):
            frozen = _frozen(command.bill_id, bill, attempt=1)
            closing = freeze(frozen, ClosedBy.END, None, book)
            noted = attention(frozen, command.code, command.detail, book)
            return [(command.bill_id, closing), (command.bill_id, noted)]
        case RequireAttention(attempt=attempt), Closing() if attempt == bill.attempt:
            frozen = _frozen(command.bill_id, bill, attempt=bill.attempt)
            noted = attention(frozen, command.code, command.detail, book)
            return [(command.bill_id, noted)]
        case RequireAttention(), _:
            return []  # Somebody else was there first.
        case FinishBill(payment_id=payment_id), Closing() if payment_id == bill.payment_id:
            return _finish(command, bill, book)
        case FinishBill(), (Closed() | AttentionRequired()):
            return []  # Two workers looked at the same end.
        case RetryBill(), AttentionRequired():
            frozen = _frozen(command.bill_id, bill, attempt=bill.attempt + 1)
            return close(frozen, ClosedBy.RETRY, bill.reason, command.due_days, book)
        case RetryBill(), Closing(closed_by=ClosedBy.RETRY):
            return []  # It is under way.
        case _:
            raise _not_open(command.bill_id, bill)


_WHAT_THEN: Final[dict[type, str]] = {
    Pending: "it has not begun",
    Active: "only one that needs attention is retried",
    Closing: "nothing is added to it, and it closes once",
    AttentionRequired: "mend what stands against it, then retry it",
    Closed: "nothing of it changes any more",
}


def _not_open(bill_id: BillId, bill: BillState) -> BillNotOpen:
    named = str(type(bill).__struct_config__.tag).replace("_", " ")
    return BillNotOpen(f"bill {bill_id} is {named}: {_WHAT_THEN[type(bill)]}")


def _frozen(bill_id: BillId, bill: BillState, *, attempt: int) -> Frozen:
    return Frozen(
        bill_id=bill_id,
        account_id=bill.account_id,
        facility=bill.facility,
        currency=bill.currency,
        item_count=bill.item_count,
        total_minor=bill.total_minor,
        digest=bill.digest,
        attempt=attempt,
        is_issued=isinstance(bill, Ending) and bill.invoice_id is not None,
    )


def _finish(command: FinishBill, bill: Closing, book: Book) -> Decision:
    frozen = _frozen(command.bill_id, bill, attempt=bill.attempt)
    match book.states.get(command.payment_id):
        case PaymentPosted():
            return [(command.bill_id, closed(frozen, book))]
        case Initiated(failed=str(code)):
            detail = f"the card was not charged ({code}): mend it, then retry the bill"
            return [(command.bill_id, attention(frozen, code, detail, book))]
        case _:
            raise PaymentPending(f"payment {command.payment_id} has no end yet")


BILL = Decider("bill", decide, evolve, BillState)
