"""Accounts: one per patient and currency; a suspended one takes payments but no new charges."""

import msgspec

from contracts.account import (
    AccountContactRecorded,
    AccountOpened,
    AccountReinstated,
    AccountSuspended,
)
from contracts.ids import AccountId
from contracts.money import exponent
from contracts.private import Private
from contracts.statement import DeliveryChannel
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import (
    AlreadyExists,
    AlreadySuspended,
    CurrencyUnsupported,
    NotFound,
    NotSuspended,
)


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Open an account; `unless_open` makes an account that is there already no refusal."""

    account_id: AccountId
    patient_id: str
    name: Private | None
    facility: str
    currency: str
    language: str = "en"
    email: Private | None = None
    phone: Private | None = None
    delivery: DeliveryChannel | None = None
    unless_open: bool = False


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a customer is reached, sealed."""

    email: Private | None = None
    phone: Private | None = None
    delivery: DeliveryChannel | None = None


class RecordContact(msgspec.Struct, frozen=True, kw_only=True):
    """Reach a customer this way from now on, instead of any other."""

    account_id: AccountId
    contact: Contact


class SuspendAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Take no new charges on an account."""

    account_id: AccountId
    reason: Private


class ReinstateAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Take charges on a suspended account again."""

    account_id: AccountId
    reason: Private


AccountCommand = OpenAccount | RecordContact | SuspendAccount | ReinstateAccount


class Open(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="open"):
    """An account that takes charges and payments; `reinstated` and `contact` tell a repeat."""

    patient_id: str
    currency: str
    reinstated: Private | None = None
    contact: Contact | None = None


class Suspended(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="suspended"):
    """An account that takes payments alone; the reason, sealed, tells a repeat."""

    patient_id: str
    currency: str
    reason: Private
    contact: Contact | None = None


AccountState = Open | Suspended
AccountEvents = AccountOpened | AccountContactRecorded | AccountSuspended | AccountReinstated


def decide(command: AccountCommand, book: Book) -> Decision:
    """Open the account of a patient and currency once; suspend it and reinstate it in turn."""
    match command, book.states.get(command.account_id):
        case OpenAccount(), None:
            return [(command.account_id, _open(command))]
        case OpenAccount(unless_open=True), _:
            return []
        case OpenAccount(), _:
            raise AlreadyExists(
                f"patient {command.patient_id} has account {command.account_id} "
                f"in {command.currency} already"
            )
        case _, None:
            raise NotFound(f"there is no account {command.account_id}")
        case RecordContact(contact=contact), known if contact == known.contact:
            return []  # The very same command again.
        case RecordContact(), _:
            return [(command.account_id, _record(command))]
        case SuspendAccount(), Open():
            return [(command.account_id, _suspend(command))]
        case ReinstateAccount(), Suspended():
            return [(command.account_id, _reinstate(command))]
        case SuspendAccount(reason=reason), Suspended(reason=known) if reason == known:
            return []
        case ReinstateAccount(reason=reason), Open(reinstated=known) if reason == known:
            return []
        case SuspendAccount(), _:
            raise AlreadySuspended(f"account {command.account_id} is suspended already")
        case _:
            raise NotSuspended(f"account {command.account_id} is not suspended")


def _open(command: OpenAccount) -> AccountOpened:
    try:
        exponent(command.currency)
    except ValueError as invalid:
        raise CurrencyUnsupported(str(invalid)) from None
    return AccountOpened(
        account_id=command.account_id,
        patient_id=command.patient_id,
        name=command.name,
        facility=command.facility,
        currency=command.currency,
        language=command.language,
        email=command.email,
        phone=command.phone,
        delivery=command.delivery,
    )


def _record(command: RecordContact) -> AccountContactRecorded:
    return AccountContactRecorded(
        account_id=command.account_id,
        email=command.contact.email,
        phone=command.contact.phone,
        delivery=command.contact.delivery,
    )


def _suspend(command: SuspendAccount) -> AccountSuspended:
    return AccountSuspended(account_id=command.account_id, reason=command.reason)


def _reinstate(command: ReinstateAccount) -> AccountReinstated:
    return AccountReinstated(account_id=command.account_id, reason=command.reason)


def evolve(state: AccountState | None, event: AccountEvents) -> AccountState | None:
    """The account after an event."""
    match event, state:
        case AccountOpened(), _:
            return Open(patient_id=event.patient_id, currency=event.currency)
        case AccountSuspended(), Open() | Suspended():
            return Suspended(
                patient_id=state.patient_id,
                currency=state.currency,
                reason=event.reason,
                contact=state.contact,
            )
        case AccountReinstated(), Open() | Suspended():
            return Open(
                patient_id=state.patient_id,
                currency=state.currency,
                reinstated=event.reason,
                contact=state.contact,
            )
        case AccountContactRecorded(), Open() | Suspended():
            contact = Contact(email=event.email, phone=event.phone, delivery=event.delivery)
            return msgspec.structs.replace(state, contact=contact)
        case _:
            return state


ACCOUNT = Decider("acc", decide, evolve, AccountState)
