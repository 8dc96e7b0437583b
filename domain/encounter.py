"""Encounters: recorded as they came, then billed, or parked until somebody mends them."""

import msgspec

from contracts.encounter import (
    EncounterAttentionRequired,
    EncounterBilled,
    EncounterReceived,
    EncounterResumed,
    ServiceProblem,
)
from contracts.ids import AccountId, EncounterId, InvoiceId
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import EncounterSettled, NotFound


class RecordEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """Record what a clinical system sent, personal fields sealed."""

    encounter: EncounterReceived

    @property
    def encounter_id(self) -> EncounterId:
        """The stream it is recorded on."""
        return self.encounter.encounter_id


class ParkEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """Some services could not be charged: wait for mending."""

    encounter_id: EncounterId
    problems: tuple[ServiceProblem, ...]


class ResumeEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """It is mended: try again."""

    encounter_id: EncounterId


class FinishEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """Every service is charged."""

    encounter_id: EncounterId
    account_id: AccountId
    invoice_ids: tuple[InvoiceId, ...]
    charge_count: int


EncounterCommand = RecordEncounter | ParkEncounter | ResumeEncounter | FinishEncounter


class Received(msgspec.Struct, frozen=True, kw_only=True, tag="received"):
    """Recorded, or resumed: somebody is to work on it."""

    resumed: int = 0


class AttentionRequired(msgspec.Struct, frozen=True, kw_only=True, tag="attention_required"):
    """Parked: a person is to mend something."""

    resumed: int
    problems: tuple[ServiceProblem, ...]


class Billed(msgspec.Struct, frozen=True, kw_only=True, tag="billed"):
    """Done."""

    invoice_ids: tuple[InvoiceId, ...]


EncounterState = Received | AttentionRequired | Billed
EncounterEvent = (
    EncounterReceived | EncounterAttentionRequired | EncounterResumed | EncounterBilled
)


def decide(command: EncounterCommand, book: Book) -> Decision:
    """Move an encounter on; repeating a step decides nothing."""
    stream = command.encounter_id
    match command, book.states.get(stream):
        case RecordEncounter(), None:
            return [(stream, command.encounter)]
        case RecordEncounter(), _:
            return []  # Recorded before: the sender repeated itself.
        case _, None:
            raise NotFound(f"there is no encounter {stream}")
        case ParkEncounter(), Received():
            parked = EncounterAttentionRequired(encounter_id=stream, problems=command.problems)
            return [(stream, parked)]
        case ResumeEncounter(), AttentionRequired():
            return [(stream, EncounterResumed(encounter_id=stream))]
        case FinishEncounter(), Received() | AttentionRequired():
            return [(stream, _billed(command))]
        case ResumeEncounter(), Billed():
            raise EncounterSettled(f"encounter {stream} is billed already")
        case _:
            return []  # Parked, resumed or billed before: a retry of a saga's step.


def _billed(command: FinishEncounter) -> EncounterBilled:
    return EncounterBilled(
        encounter_id=command.encounter_id,
        account_id=command.account_id,
        invoice_ids=command.invoice_ids,
        charge_count=command.charge_count,
    )


def evolve(state: EncounterState | None, event: EncounterEvent) -> EncounterState | None:
    """The encounter after an event."""
    match event, state:
        case EncounterReceived(), _:
            return Received()
        case EncounterAttentionRequired(), Received():
            return AttentionRequired(resumed=state.resumed, problems=event.problems)
        case EncounterResumed(), AttentionRequired():
            return Received(resumed=state.resumed + 1)
        case EncounterBilled(), _:
            return Billed(invoice_ids=event.invoice_ids)
        case _:
            return state


ENCOUNTER = Decider("enc", decide, evolve, EncounterState)
