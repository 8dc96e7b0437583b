"""Payments: money received, allocated to invoices; what is left is the customer's credit."""

from datetime import date
from typing import Final

import msgspec

from contracts.ids import AccountId, InvoiceId, PaymentId, RemittanceId
from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.payment import Allocation, PaymentMethod, PaymentPosted
from domain import allocation, ledger
from domain.book import Book
from domain.decider import Decider, Decision
from domain.invoice import paid
from domain.rejections import AlreadyExists, CurrencyUnsupported, Invalid
from domain.write_side import AccountHead, ItemKind

RECEIVED_IN: Final = {
    PaymentMethod.CASH: GlAccount.CASH,
    PaymentMethod.CARD: GlAccount.CARD_CLEARING,
    PaymentMethod.BANK: GlAccount.BANK,
    PaymentMethod.REMITTANCE: GlAccount.BANK,
}


class PostPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Post money received: to `allocations`, to `invoice_id` alone, or to the oldest invoices."""

    payment_id: PaymentId
    account_id: AccountId
    amount: Money
    method: PaymentMethod
    received_on: date | None = None
    allocations: tuple[Allocation, ...] | None = None
    invoice_id: InvoiceId | None = None
    payer: str | None = None
    remittance_id: RemittanceId | None = None
    reference: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What else was asked for and came of it: it tells a repeat from another payment."""

    currency: str
    received_on: date
    booked_on: date
    payer: str | None
    remittance_id: RemittanceId | None
    reference: str | None
    allocations: tuple[Allocation, ...]


class Posted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="posted"):
    """A payment in the books."""

    account_id: AccountId
    method: PaymentMethod
    amount_minor: int
    asked: Asked | None = None  # not in states that older releases stored


PaymentState = Posted


def decide(command: PostPayment, book: Book) -> Decision:
    """Post a payment once, and settle the invoices it pays off."""
    match book.states.get(command.payment_id):
        case None:
            return _post(command, book)
        case Posted(account_id=owner) if owner != command.account_id:
            raise AlreadyExists(f"payment {command.payment_id} is on another account")
        case known if _is_repeat(command, known):
            return []  # Posting twice is a retry, not an error.
        case _:
            raise AlreadyExists(
                f"payment {command.payment_id} was posted before, with other content: "
                "send this one under a key of its own"
            )


def _is_repeat(command: PostPayment, known: Posted) -> bool:
    if (command.method, command.amount.minor) != (known.method, known.amount_minor):
        return False
    if known.asked is None:
        return True
    asked = Asked(
        currency=command.amount.currency,
        received_on=command.received_on or known.asked.booked_on,
        booked_on=known.asked.booked_on,
        payer=command.payer,
        remittance_id=command.remittance_id,
        reference=command.reference,
        allocations=known.asked.allocations,
    )
    return asked == known.asked and _allocates_the_same(command, known.asked.allocations)


def _allocates_the_same(command: PostPayment, allocated: tuple[Allocation, ...]) -> bool:
    """As far as the command says where the money goes; what was outstanding then is history."""
    if command.invoice_id is not None:
        return all(part.invoice_id == command.invoice_id for part in allocated)
    return command.allocations is None or command.allocations == allocated


def _post(command: PostPayment, book: Book) -> Decision:
    account = book.account(command.account_id)
    _check(command, account)
    allocations = _allocate(command, book)
    allocated_minor = sum(part.amount.minor for part in allocations)
    credited_minor = command.amount.minor - allocated_minor
    postings = ledger.payment(RECEIVED_IN[command.method], allocated_minor, credited_minor)
    today = book.today(account.facility)
    posted = PaymentPosted(
        payment_id=command.payment_id,
        account_id=command.account_id,
        facility=account.facility,
        currency=account.currency,
        effective_on=command.received_on or today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        method=command.method,
        amount=command.amount,
        allocations=tuple(allocations),
        credited=Money.of(credited_minor, account.currency),
        payer=command.payer,
        remittance_id=command.remittance_id,
        reference=command.reference,
    )
    settled = [
        (part.invoice_id, paid(part.invoice_id, command.account_id, command.payment_id, today))
        for part in allocations
        if _settles(part, command.account_id, book)
    ]
    return [(command.payment_id, posted), *settled]


def _check(command: PostPayment, account: AccountHead) -> None:
    if command.amount.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the payment in {command.amount.currency}"
        )
    if command.amount.minor <= 0:
        raise Invalid("a payment's amount must be positive")


def _allocate(command: PostPayment, book: Book) -> list[Allocation]:
    if command.invoice_id is not None:
        invoice = book.item(command.account_id, ItemKind.INVOICE, command.invoice_id)
        return allocation.to_invoice(command.amount, invoice)
    invoices = book.items(command.account_id, ItemKind.INVOICE)
    if command.allocations is None:
        return allocation.oldest_first(command.amount, invoices)
    outstanding = {invoice.item_id: invoice for invoice in invoices}
    return allocation.as_named(command.amount, command.allocations, outstanding)


def _settles(part: Allocation, account_id: AccountId, book: Book) -> bool:
    item = book.item(account_id, ItemKind.INVOICE, part.invoice_id)
    return item is not None and item.outstanding_minor == part.amount.minor


def evolve(_state: PaymentState | None, event: PaymentPosted) -> PaymentState:
    """The payment after an event."""
    return Posted(
        account_id=event.account_id,
        method=event.method,
        amount_minor=event.amount.minor,
        asked=Asked(
            currency=event.currency,
            received_on=event.effective_on,
            booked_on=event.booked_on,
            payer=event.payer,
            remittance_id=event.remittance_id,
            reference=event.reference,
            allocations=event.allocations,
        ),
    )


PAYMENT = Decider("pay", decide, evolve, PaymentState)
