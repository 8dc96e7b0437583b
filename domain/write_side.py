"""What an event does to the write-side state: balances, open items, claims, counters and prices.

`execute` applies it as it appends, and the audit applies it to a replay: one definition for both.
Here events are told apart by their exact type: all is asked of every event, and an isinstance that
fails costs a struct ten times as much.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from contracts.account import AccountOpened, AccountReinstated, AccountSuspended
from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.bill import BillCreated
from contracts.charge import ChargeCaptured, ChargeReversed
from contracts.credit import CreditAllocated
from contracts.event import Event, Posted, is_of_account
from contracts.invoice import InvoiceDrafted, InvoiceIssued, InvoiceLinesAdded, InvoiceVoided
from contracts.ledger import GlAccount, sum_on
from contracts.payment import Allocation, PaymentPosted
from contracts.price_list import Price, PriceListPublished, PricesAdded
from contracts.refund import RefundFailed, RefundIssued, RefundRejected, RefundRequested
from domain.bill_places import place_of


class AccountStatus(StrEnum):
    """Whether an account takes new charges."""

    OPEN = "open"
    SUSPENDED = "suspended"


class ItemKind(StrEnum):
    """What can be open on an account, and what a later correction must know of the past."""

    CHARGE = "charge"
    INVOICE = "invoice"
    ADJUSTMENT = "adjustment"
    """What was adjusted on an invoice for one reason: a void takes it back."""
    REFUND = "refund"
    """What of a payment was given back, or is asked for: the rest can still be refunded."""
    UNALLOCATED = "unallocated"
    """What the account owes on no invoice, one item: money refunded that invoices had, debits."""
    HELD = "held"
    """Credit that is kept for a refund, by the refund's id, until it is made or is not."""


UNALLOCATED: Final = "unallocated"
"""The id of an account's only item of that kind."""


class AccountHead(msgspec.Struct, frozen=True, kw_only=True):
    """An account as decisions see it; `version` counts its events."""

    account_id: str
    version: int
    facility: str
    currency: str
    status: AccountStatus
    receivable_minor: int
    credit_minor: int


class OpenItem(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that is not billed yet, an invoice that is not settled yet, and so on by kind."""

    kind: ItemKind
    item_id: str
    outstanding_minor: int
    due_on: date | None = None
    number: str | None = None


Items = dict[tuple[ItemKind, str], OpenItem]

_STATUS_AFTER: Final[dict[type[Event], AccountStatus]] = {
    AccountSuspended: AccountStatus.SUSPENDED,
    AccountReinstated: AccountStatus.OPEN,
}


def account_after(head: AccountHead | None, event: Event) -> AccountHead | None:
    """The account after an event of its own."""
    if type(event) is AccountOpened:
        return AccountHead(
            account_id=event.account_id,
            version=1,
            facility=event.facility,
            currency=event.currency,
            status=AccountStatus.OPEN,
            receivable_minor=0,
            credit_minor=0,
        )
    if head is None or not is_of_account(event):
        return head
    receivable_minor, credit_minor = head.receivable_minor, head.credit_minor
    for posting in event.postings if isinstance(event, Posted) else ():
        if posting.gl_account is GlAccount.RECEIVABLE:
            receivable_minor += posting.amount_minor
        elif posting.gl_account is GlAccount.CUSTOMER_CREDIT:
            credit_minor -= posting.amount_minor
    return AccountHead(
        account_id=head.account_id,
        version=head.version + 1,
        facility=head.facility,
        currency=head.currency,
        status=_STATUS_AFTER.get(type(event), head.status),
        receivable_minor=receivable_minor,
        credit_minor=credit_minor,
    )


def open_items_after(items: Items, event: Event) -> None:
    """Change an account's open items by an event; what is settled leaves them."""
    match event:
        case ChargeCaptured():
            key = (ItemKind.CHARGE, str(event.charge_id))
            items[key] = OpenItem(
                kind=ItemKind.CHARGE, item_id=key[1], outstanding_minor=event.total.minor
            )
        case ChargeReversed():
            items.pop((ItemKind.CHARGE, event.charge_id), None)
        case InvoiceDrafted() | InvoiceLinesAdded():
            for line in event.lines:
                items.pop((ItemKind.CHARGE, line.charge_id), None)
        case InvoiceIssued() if event.total.minor:
            items[ItemKind.INVOICE, event.invoice_id] = OpenItem(
                kind=ItemKind.INVOICE,
                item_id=event.invoice_id,
                outstanding_minor=event.total.minor,
                due_on=event.due_on,
                number=event.number,
            )
        case PaymentPosted() | CreditAllocated():
            for allocation in event.allocations:
                _reduce(items, allocation.invoice_id, allocation.amount.minor)
            _beside(items, event, event.allocations)
        case AdjustmentApplied(invoice_id=str(invoice_id)):
            credit = event.direction is Direction.CREDIT
            credit_minor = event.amount.minor if credit else -event.amount.minor
            _adjust(items, invoice_id, event.reason, credit_minor)
        case AdjustmentApplied():
            for allocation in event.allocations:
                _adjust(items, allocation.invoice_id, event.reason, allocation.amount.minor)
            _beside(items, event, event.allocations)
        case InvoiceVoided():
            items.pop((ItemKind.INVOICE, event.invoice_id), None)
            for reason in AdjustmentReason:
                items.pop((ItemKind.ADJUSTMENT, adjusted(event.invoice_id, reason)), None)
        case RefundRequested():
            _raise(items, ItemKind.REFUND, event.payment_id, event.amount.minor)
            _raise(items, ItemKind.HELD, event.refund_id, event.held.minor if event.held else 0)
        case RefundIssued():
            items.pop((ItemKind.HELD, event.refund_id), None)
            _beside(items, event)
        case RefundRejected() | RefundFailed():
            items.pop((ItemKind.HELD, event.refund_id), None)
            _raise(items, ItemKind.REFUND, event.payment_id, -event.amount.minor)
            if isinstance(event, RefundFailed):
                _beside(items, event)
        case _:
            pass  # every other event leaves the open items as they are


def adjusted(invoice_id: str, reason: AdjustmentReason) -> str:
    """The item of what was adjusted on an invoice for a reason, credits less debits."""
    return f"{invoice_id}/{reason}"


def _adjust(items: Items, invoice_id: str, reason: AdjustmentReason, credit_minor: int) -> None:
    if (ItemKind.INVOICE, invoice_id) in items:  # not on one that was voided
        _raise(items, ItemKind.ADJUSTMENT, adjusted(invoice_id, reason), credit_minor)
        _reduce(items, invoice_id, credit_minor)


def _beside(items: Items, event: Posted, settled: Iterable[Allocation] = ()) -> None:
    """What an event books on the receivable, beyond what it settles of invoices, is on none."""
    settled_minor = sum(part.amount.minor for part in settled)
    owed_minor = settled_minor + sum_on(GlAccount.RECEIVABLE, event.postings)
    _raise(items, ItemKind.UNALLOCATED, UNALLOCATED, owed_minor, event.booked_on)


def _reduce(items: Items, invoice_id: str, amount_minor: int) -> None:
    if (ItemKind.INVOICE, invoice_id) in items:
        _raise(items, ItemKind.INVOICE, invoice_id, -amount_minor)


def _raise(
    items: Items, kind: ItemKind, item_id: str, amount_minor: int, due_on: date | None = None
) -> None:
    """Raise an item, which appears with its first amount and is gone when nothing is left."""
    key = (kind, item_id)
    new = OpenItem(kind=kind, item_id=item_id, outstanding_minor=0, due_on=due_on)
    item = items.get(key, new)
    left_minor = item.outstanding_minor + amount_minor
    if left_minor:
        items[key] = msgspec.structs.replace(item, outstanding_minor=left_minor)
    else:
        items.pop(key, None)


def claims_of(event: Event) -> tuple[tuple[str, str, str], ...]:
    """The identities that an event takes: kind, key and the stream that holds it."""
    if type(event) is AccountOpened:
        return (("account", f"{event.currency}/{event.patient_id}", event.account_id),)
    if type(event) is InvoiceIssued:
        return (("invoice_number", event.number, event.invoice_id),)
    if type(event) is BillCreated:
        return (place_of(event),)
    return ()


def counter_of(event: Event) -> str | None:
    """The counter that an event draws one number from, or None."""
    if type(event) is InvoiceIssued:
        return invoice_counter(event.facility, event.issued_on.year)
    return None


def invoice_counter(facility: str, year: int) -> str:
    """Invoice numbers are gapless per tenant, facility and local year."""
    return f"invoice/{facility}/{year}"


def invoice_number(facility: str, year: int, value: int) -> str:
    """The number as the invoice shows it."""
    return f"{facility}-{year}-{value:06d}"


def prices_of(event: Event) -> tuple[Price, ...]:
    """The prices that an event publishes."""
    if type(event) is PriceListPublished or type(event) is PricesAdded:
        return event.prices
    return ()
