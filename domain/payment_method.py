"""Payment methods: cards that the gateway keeps for a customer, known here by its name for them."""

import msgspec

from contracts.ids import AccountId, PaymentMethodId
from contracts.payment_method import PaymentMethodRemoved, PaymentMethodSaved
from contracts.private import Private
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import AlreadyExists, NotFound, PaymentMethodGone


class SavePaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a card that the gateway has saved."""

    payment_method_id: PaymentMethodId
    account_id: AccountId
    reference: Private
    brand: str
    last4: Private
    expires: str


class RemovePaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """Never charge a saved card again."""

    payment_method_id: PaymentMethodId
    account_id: AccountId


class Saved(msgspec.Struct, frozen=True, kw_only=True, tag="saved"):
    """A card that can be charged."""

    account_id: AccountId
    reference: Private
    brand: str
    last4: Private
    expires: str


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag="removed"):
    """A card that is not charged any more; by its reference the gateway is told to forget it."""

    account_id: AccountId
    reference: Private


PaymentMethodCommand = SavePaymentMethod | RemovePaymentMethod
PaymentMethodState = Saved | Removed
PaymentMethodEvent = PaymentMethodSaved | PaymentMethodRemoved


def decide(command: PaymentMethodCommand, book: Book) -> Decision:
    """Save once, remove once."""
    method_id = command.payment_method_id
    match command, book.states.get(method_id):
        case SavePaymentMethod(), None:
            book.account(command.account_id)
            return [(method_id, _saved(command))]
        case SavePaymentMethod(), Saved() as known if _is_repeat(command, known):
            return []  # Saving twice is a retry, not an error.
        case SavePaymentMethod(), _:
            raise AlreadyExists(
                f"payment method {method_id} was saved before: save this one under another key"
            )
        case RemovePaymentMethod(account_id=owner), Saved(account_id=known_owner) if (
            owner == known_owner
        ):
            removed = PaymentMethodRemoved(payment_method_id=method_id, account_id=owner)
            return [(method_id, removed)]
        case RemovePaymentMethod(account_id=owner), Removed(account_id=known_owner) if (
            owner == known_owner
        ):
            return []
        case _:
            raise _unknown(method_id, command.account_id)


def check_usable(method_id: PaymentMethodId, account_id: AccountId, book: Book) -> None:
    """Go on only with a card that this account has; raises NotFound and PaymentMethodGone."""
    match book.states.get(method_id):
        case Saved(account_id=owner) if owner == account_id:
            return
        case Removed(account_id=owner) if owner == account_id:
            raise PaymentMethodGone(f"payment method {method_id} was removed: name another one")
        case _:
            raise _unknown(method_id, account_id)


def _unknown(method_id: PaymentMethodId, account_id: AccountId) -> NotFound:
    return NotFound(f"there is no payment method {method_id} on account {account_id}")


def _is_repeat(command: SavePaymentMethod, known: Saved) -> bool:
    # What is sealed is another text each time.
    return (command.account_id, command.brand, command.expires) == (
        known.account_id,
        known.brand,
        known.expires,
    )


def _saved(command: SavePaymentMethod) -> PaymentMethodSaved:
    return PaymentMethodSaved(
        payment_method_id=command.payment_method_id,
        account_id=command.account_id,
        reference=command.reference,
        brand=command.brand,
        last4=command.last4,
        expires=command.expires,
    )


def evolve(
    state: PaymentMethodState | None, event: PaymentMethodEvent
) -> PaymentMethodState | None:
    """The payment method after an event."""
    match event, state:
        case PaymentMethodSaved(), _:
            return Saved(
                account_id=event.account_id,
                reference=event.reference,
                brand=event.brand,
                last4=event.last4,
                expires=event.expires,
            )
        case PaymentMethodRemoved(), Saved():
            return Removed(account_id=state.account_id, reference=state.reference)
        case _:
            return state


PAYMENT_METHOD = Decider("pmt", decide, evolve, PaymentMethodState)
