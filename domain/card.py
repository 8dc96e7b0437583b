"""Card payments: begun, then made or failed, as the gateway says, whenever it says so.

Money that a gateway took is booked, whatever became of the account or the invoices meanwhile.
"""

from datetime import date

import msgspec

from contracts.ids import AccountId, PaymentId, PaymentMethodId
from contracts.money import Money
from contracts.payment import Allocation, PaymentFailed, PaymentInitiated, PaymentMethod
from contracts.private import Private
from domain import allocation
from domain.allocation import Settlement
from domain.book import Book
from domain.decider import Decision
from domain.payment_method import check_usable
from domain.receipt import Receipt, check_amount, received


class InitiateCardPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a card payment: what is to be paid, before the gateway is asked."""

    payment_id: PaymentId
    account_id: AccountId
    amount: Money
    allocations: tuple[Allocation, ...] | None = None
    reference: str | None = None
    payment_method_id: PaymentMethodId | None = None
    payment_token: Private | None = None


class CompleteCardPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Book the money of a card payment; `payment_ref` is the gateway's name for it."""

    payment_id: PaymentId
    payment_ref: str
    account_id: AccountId | None = None
    received_on: date | None = None


class FailCardPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Note that the gateway took no money, and why, in a word."""

    payment_id: PaymentId
    code: str
    account_id: AccountId | None = None


class Initiated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="initiated"):
    """The gateway has not said yet; nothing is booked."""

    account_id: AccountId
    amount: Money
    allocations: tuple[Allocation, ...] | None
    reference: str | None = None
    payment_method_id: PaymentMethodId | None = None
    failed: str | None = None
    """Why it failed. Even then the money may still come in: it would be there, so it is booked."""


def initiate(command: InitiateCardPayment, book: Book) -> Decision:
    """Begin a payment that could be posted as things are now."""
    account = book.account(command.account_id)
    check_amount(command.amount, account)
    if command.allocations is not None:
        outstanding = book.invoices(command.account_id)
        allocation.as_named(command.amount, command.allocations, outstanding)
    if command.payment_method_id is not None:
        check_usable(command.payment_method_id, command.account_id, book)
    initiated = PaymentInitiated(
        payment_id=command.payment_id,
        account_id=command.account_id,
        facility=account.facility,
        currency=account.currency,
        method=PaymentMethod.CARD,
        amount=command.amount,
        allocations=command.allocations,
        reference=command.reference,
        payment_method_id=command.payment_method_id,
        payment_token=command.payment_token,
    )
    return [(command.payment_id, initiated)]


def is_begun_again(command: InitiateCardPayment, known: Initiated) -> bool:
    """Whether it is the same payment that is begun once more."""
    # A token is sealed, another text each time.
    return (
        command.account_id,
        command.amount,
        command.allocations,
        command.reference,
        command.payment_method_id,
    ) == (
        known.account_id,
        known.amount,
        known.allocations,
        known.reference,
        known.payment_method_id,
    )


def complete(command: CompleteCardPayment, begun: Initiated, book: Book) -> Decision:
    """Book the money: to what it was meant for as far as that is still owed, the rest is credit."""
    if begun.allocations is None:
        settles = allocation.oldest_first(begun.amount, book.owed(begun.account_id))
    else:
        outstanding = book.invoices(begun.account_id)
        settles = Settlement(allocation.as_far_as_owed(begun.allocations, outstanding))
    receipt = Receipt(
        payment_id=command.payment_id,
        account_id=begun.account_id,
        amount=begun.amount,
        method=PaymentMethod.CARD,
        received_on=command.received_on,
        reference=command.payment_ref,
    )
    return received(receipt, settles, book)


def fail(command: FailCardPayment, begun: Initiated) -> Decision:
    """Note that no money came."""
    failed = PaymentFailed(
        payment_id=command.payment_id,
        account_id=begun.account_id,
        amount=begun.amount,
        code=command.code,
    )
    return [(command.payment_id, failed)]
