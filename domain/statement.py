"""Runs of statements: of a facility and a day one at a time, and again once one has ended."""

from datetime import date

import msgspec

from contracts.ids import RunId, StreamId, event_id
from contracts.statement import (
    DeliveryChannel,
    StatementCompleted,
    StatementFailed,
    StatementStarted,
)
from domain.book import Book
from domain.decider import Decider, Decision, Rejected
from domain.rejections import Invalid, NotFound

ALL_FACILITIES = "*"


class StartStatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """Make and deliver statements; the stream is that of the facility and the day."""

    stream_id: StreamId
    facility: str | None
    first_on: date
    as_of: date
    channels: tuple[DeliveryChannel, ...] = ()


class CompleteStatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """Record what became of the accounts."""

    stream_id: StreamId
    completed: StatementCompleted


class FailStatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """End a run before its time."""

    stream_id: StreamId
    run_id: RunId
    code: str
    detail: str


StatementCommand = StartStatementRun | CompleteStatementRun | FailStatementRun


class Running(msgspec.Struct, frozen=True, kw_only=True, tag="running"):
    """Asked for, and worked on."""

    run_id: RunId


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """Completed or failed: the next one may start."""

    run_id: RunId


StatementState = Running | Ended
StatementEvent = StatementStarted | StatementCompleted | StatementFailed


class StatementRunning(Rejected):
    """Nobody is to get two: a run of the same facility and day has not ended yet."""


class StatementRunEnded(Rejected):
    """It was completed or has failed: start another one."""


def decide(command: StatementCommand, book: Book) -> Decision:
    """Start when none is running, end what runs; a repeat of an end decides nothing."""
    state: StatementState | None = book.states.get(command.stream_id)
    match command, state:
        case StartStatementRun(), None | Ended():
            return [(command.stream_id, _start(command, book))]
        case StartStatementRun(), Running():
            raise StatementRunning(
                f"{state.run_id} of this facility and day is running: wait until it has ended"
            )
        case _, None:
            raise NotFound(f"there is no run of statements {command.stream_id}")
        case CompleteStatementRun(completed=StatementCompleted(run_id=run_id)), Running() if (
            run_id == state.run_id
        ):
            return [(command.stream_id, command.completed)]
        case FailStatementRun(run_id=run_id), Running() if run_id == state.run_id:
            return [(command.stream_id, _fail(command))]
        case CompleteStatementRun(completed=StatementCompleted(run_id=run_id)), Ended() if (
            run_id == state.run_id
        ):
            return []  # A repeat: two workers ended the same run.
        case _:
            raise StatementRunEnded(f"the run has ended; the last one was {state.run_id}")


def _start(command: StartStatementRun, book: Book) -> StatementStarted:
    if command.first_on > command.as_of:
        raise Invalid(f"from {command.first_on} is after as_of_date, which is {command.as_of}")
    today = book.calendar.local_date(command.facility or ALL_FACILITIES, book.recorded_at)
    if command.as_of > today:
        raise Invalid(f"as_of_date {command.as_of} is still to come: today is {today}")
    version = book.versions.get(command.stream_id, 0) + 1
    return StatementStarted(
        run_id=RunId(event_id(command.stream_id, version)),
        facility=command.facility,
        first_on=command.first_on,
        as_of=command.as_of,
        channels=command.channels,
    )


def _fail(command: FailStatementRun) -> StatementFailed:
    return StatementFailed(run_id=command.run_id, code=command.code, detail=command.detail)


def evolve(_state: StatementState | None, event: StatementEvent) -> StatementState:
    """The runs of a facility and day after an event."""
    if isinstance(event, StatementStarted):
        return Running(run_id=event.run_id)
    return Ended(run_id=event.run_id)


STATEMENT = Decider("run", decide, evolve, StatementState)
