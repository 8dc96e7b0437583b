"""Accounts: one per patient and currency."""

import msgspec

from contracts.account import AccountOpened
from contracts.ids import AccountId
from contracts.money import exponent
from contracts.private import Private
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import AlreadyExists, CurrencyUnsupported


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Open an account; `unless_open` makes an account that is there already no refusal."""

    account_id: AccountId
    patient_id: str
    name: Private | None
    facility: str
    currency: str
    language: str = "en"
    unless_open: bool = False


class Open(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """An account that takes charges and payments."""

    patient_id: str
    currency: str


AccountState = Open


def decide(command: OpenAccount, book: Book) -> Decision:
    """Open the account of a patient and currency once."""
    match book.states.get(command.account_id):
        case None:
            return [(command.account_id, _open(command))]
        case Open() if command.unless_open:
            return []
        case _:
            raise AlreadyExists(
                f"patient {command.patient_id} has account {command.account_id} "
                f"in {command.currency} already"
            )


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
    )


def evolve(_state: AccountState | None, event: AccountOpened) -> AccountState:
    """The account after an event."""
    return Open(patient_id=event.patient_id, currency=event.currency)


ACCOUNT = Decider("acc", decide, evolve, AccountState)
