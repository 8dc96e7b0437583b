"""Rejected messages: recorded, then retried or discarded by somebody."""

import msgspec

from contracts.ids import RejectionId
from contracts.intake import IntakeDiscarded, IntakeRejected, IntakeRetried
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import NotFound, RejectionSettled


class RejectIntake(msgspec.Struct, frozen=True, kw_only=True):
    """Note that a message could not be taken."""

    rejection: IntakeRejected

    @property
    def rejection_id(self) -> RejectionId:
        """The stream it is noted on."""
        return self.rejection.rejection_id


class RetryIntake(msgspec.Struct, frozen=True, kw_only=True):
    """Note that a rejected message was sent again under this message id."""

    rejection_id: RejectionId
    message_id: str


class DiscardIntake(msgspec.Struct, frozen=True, kw_only=True):
    """Note that a rejected message is not needed."""

    rejection_id: RejectionId
    reason: str


IntakeCommand = RejectIntake | RetryIntake | DiscardIntake


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """Waits for somebody."""


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag="settled"):
    """Retried or discarded."""

    outcome: str


IntakeState = Rejected | Settled
IntakeEvent = IntakeRejected | IntakeRetried | IntakeDiscarded


def decide(command: IntakeCommand, book: Book) -> Decision:
    """Note a rejection once and settle it once."""
    stream = command.rejection_id
    match command, book.states.get(stream):
        case RejectIntake(), None:
            return [(stream, command.rejection)]
        case RejectIntake(), _:
            return []  # Delivered again before it was acknowledged.
        case _, None:
            raise NotFound(f"there is no rejected message {stream}")
        case RetryIntake(), Rejected():
            return [(stream, IntakeRetried(rejection_id=stream, message_id=command.message_id))]
        case DiscardIntake(), Rejected():
            return [(stream, IntakeDiscarded(rejection_id=stream, reason=command.reason))]
        case _, Settled(outcome=outcome):
            raise RejectionSettled(f"rejected message {stream} is {outcome} already")
        case _:
            raise NotFound(f"there is no rejected message {stream}")


def evolve(_state: IntakeState | None, event: IntakeEvent) -> IntakeState:
    """The rejected message after an event."""
    match event:
        case IntakeRejected():
            return Rejected()
        case IntakeRetried():
            return Settled(outcome="retried")
        case IntakeDiscarded():
            return Settled(outcome="discarded")


INTAKE = Decider("rej", decide, evolve, IntakeState)
