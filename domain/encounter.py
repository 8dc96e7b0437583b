"""Encounters: recorded as they came, then billed, or parked until somebody mends them."""

import hashlib

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
from domain.rejections import AlreadyExists, EncounterSettled, NotFound


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
    """Recorded, or resumed: somebody is to work on it. `digest` tells a repeat from a namesake."""

    digest: str
    resumed: int = 0


class AttentionRequired(msgspec.Struct, frozen=True, kw_only=True, tag="attention_required"):
    """Parked: a person is to mend something."""

    digest: str
    resumed: int
    problems: tuple[ServiceProblem, ...]


class Billed(msgspec.Struct, frozen=True, kw_only=True, tag="billed"):
    """Done."""

    digest: str
    invoice_ids: tuple[InvoiceId, ...]


EncounterState = Received | AttentionRequired | Billed
EncounterEvent = EncounterReceived | EncounterAttentionRequired | EncounterResumed | EncounterBilled


def decide(command: EncounterCommand, book: Book) -> Decision:
    """Move an encounter on; repeating a step decides nothing."""
    stream = command.encounter_id
    match command, book.states.get(stream):
        case RecordEncounter(), None:
            return [(stream, command.encounter)]
        case (
            RecordEncounter(),
            Received(digest=known) | AttentionRequired(digest=known) | Billed(digest=known),
        ) if known == digest_of(command.encounter):
            return []  # Recorded before: the sender repeated itself.
        case RecordEncounter(), _:
            raise AlreadyExists(
                f"an encounter with other content came as {_natural_key(command)} before: "
                "send this one under an id of its own"
            )
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


def _natural_key(command: RecordEncounter) -> str:
    return command.encounter.claim_ref or command.encounter.encounter_ref


def digest_of(encounter: EncounterReceived) -> str:
    """SHA-256 of what was sent, without the sealed fields, whose ciphertext is new each time."""
    plain = msgspec.structs.replace(encounter, patient_name=None, details=None)
    return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


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
            return Received(digest=digest_of(event))
        case EncounterAttentionRequired(), Received():
            return AttentionRequired(
                digest=state.digest, resumed=state.resumed, problems=event.problems
            )
        case EncounterResumed(), AttentionRequired():
            return Received(digest=state.digest, resumed=state.resumed + 1)
        case EncounterBilled(), Received() | AttentionRequired():
            return Billed(digest=state.digest, invoice_ids=event.invoice_ids)
        case _:
            return state


ENCOUNTER = Decider("enc", decide, evolve, EncounterState)
