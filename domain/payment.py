"""Payments: money received, allocated to invoices; what is left is the customer's credit."""

from datetime import date

import msgspec

from contracts.ids import AccountId, InvoiceId, PaymentId, RemittanceId
from contracts.money import Money
from contracts.payment import (
    Allocation,
    PaymentFailed,
    PaymentInitiated,
    PaymentMethod,
    PaymentPosted,
)
from domain import allocation, card
from domain.allocation import Settlement
from domain.book import Book
from domain.card import CompleteCardPayment, FailCardPayment, InitiateCardPayment, Initiated
from domain.decider import Decider, Decision
from domain.receipt import Receipt, check_amount, received
from domain.rejections import AlreadyExists, NotFound, PaymentNotPosted
from domain.write_side import ItemKind


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


PaymentCommand = PostPayment | InitiateCardPayment | CompleteCardPayment | FailCardPayment


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
    payment_ref: str | None = None
    """The gateway's name for a card payment that it made."""


PaymentState = Initiated | Posted
PaymentEvent = PaymentInitiated | PaymentPosted | PaymentFailed


def decide(command: PaymentCommand, book: Book) -> Decision:
    """Post a payment once, and settle the invoices it pays off; a card payment in two steps."""
    match command, book.states.get(command.payment_id):
        case PostPayment(), None:
            return _post(command, book)
        case InitiateCardPayment(), None:
            return card.initiate(command, book)
        case _, None:
            raise NotFound(f"there is no payment {command.payment_id}")
        case _, (Posted() | Initiated()) as known if command.account_id not in (
            None,
            known.account_id,
        ):
            raise AlreadyExists(f"payment {command.payment_id} is on another account")
        case PostPayment(), Posted() as known if _is_repeat(command, known):
            return []  # Posting twice is a retry, not an error.
        case InitiateCardPayment(), Initiated() as begun if card.is_begun_again(command, begun):
            return []
        case CompleteCardPayment(), Initiated() as begun:
            return card.complete(command, begun, book)
        case CompleteCardPayment(), Posted(payment_ref=known_ref):
            return _completed_again(command, known_ref)
        case FailCardPayment(), Initiated(failed=None) as begun:
            return card.fail(command, begun)
        case FailCardPayment(), Initiated():
            return []  # It failed before, and the first reason stays.
        case FailCardPayment(), _:
            raise PaymentNotPosted(
                f"payment {command.payment_id} was made: give it back by a refund"
            )
        case _:
            raise AlreadyExists(
                f"payment {command.payment_id} was posted before, with other content: "
                "send this one under a key of its own"
            )


def _completed_again(command: CompleteCardPayment, known_ref: str | None) -> Decision:
    if command.payment_ref == known_ref:
        return []
    raise AlreadyExists(
        f"payment {command.payment_id} was made as {known_ref}, not as {command.payment_ref}: "
        "the gateway may have taken the money twice"
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
    check_amount(command.amount, account)
    if command.remittance_id is None:  # a payer's advice comes before its money
        book.check_happened("received_on", account.facility, command.received_on)
    receipt = Receipt(
        payment_id=command.payment_id,
        account_id=command.account_id,
        amount=command.amount,
        method=command.method,
        received_on=command.received_on,
        payer=command.payer,
        remittance_id=command.remittance_id,
        reference=command.reference,
    )
    return received(receipt, _settle(command, book), book)


def _settle(command: PostPayment, book: Book) -> Settlement:
    if command.invoice_id is not None:
        invoice = book.item(command.account_id, ItemKind.INVOICE, command.invoice_id)
        return Settlement(allocation.to_invoice(command.amount, invoice))
    if command.allocations is None:
        return allocation.oldest_first(command.amount, book.owed(command.account_id))
    outstanding = book.invoices(command.account_id)
    return Settlement(allocation.as_named(command.amount, command.allocations, outstanding))


def evolve(state: PaymentState | None, event: PaymentEvent) -> PaymentState | None:
    """The payment after an event."""
    match event, state:
        case PaymentInitiated(), _:
            return Initiated(
                account_id=event.account_id,
                amount=event.amount,
                allocations=event.allocations,
                reference=event.reference,
                payment_method_id=event.payment_method_id,
            )
        case PaymentFailed(), Initiated():
            return msgspec.structs.replace(state, failed=event.code)
        case PaymentPosted(), _:
            return _posted(event, by_gateway=isinstance(state, Initiated))
        case _:
            return state


def _posted(event: PaymentPosted, *, by_gateway: bool) -> Posted:
    return Posted(
        account_id=event.account_id,
        method=event.method,
        amount_minor=event.amount.minor,
        payment_ref=event.reference if by_gateway else None,
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
