"""Runs of statements: nobody is in two at once, and whose run has ended may be in the next one.

The runs of a day share a stream, so that one of all facilities and one of a single one, started at
the same moment, are decided one after the other.
"""

from collections.abc import Iterator
from datetime import date

import msgspec

from contracts.ids import RunId, StreamId, event_id, split_event_id
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
    """Make and deliver statements; the stream is that of the day."""

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


class RunsOfDay(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of each facility as of a day; `*` is the last one of all of them."""

    by_facility: dict[str, Running | Ended]

    def at_work(self) -> Iterator[tuple[str, RunId]]:
        """The facilities whose runs have not ended, each with its run."""
        for facility, run in self.by_facility.items():
            if isinstance(run, Running):
                yield facility, run.run_id


StatementEnd = StatementCompleted | StatementFailed
StatementEvent = StatementStarted | StatementEnd


class StatementRunning(Rejected):
    """Nobody is to get two: a run of the same accounts and day has not ended yet."""


class StatementRunEnded(Rejected):
    """It was completed or has failed: start another one."""


def decide(command: StatementCommand, book: Book) -> Decision:
    """Start when nobody is in a run, end what runs; a repeat of an end decides nothing."""
    runs: RunsOfDay | None = book.states.get(command.stream_id)
    match command:
        case StartStatementRun():
            _check_is_free(command, runs)
            return [(command.stream_id, _start(command, book))]
        case CompleteStatementRun():
            return _end(command.stream_id, command.completed, runs, book)
        case FailStatementRun():
            return _end(command.stream_id, _failed(command), runs, book)


def _end(stream_id: StreamId, end: StatementEnd, runs: RunsOfDay | None, book: Book) -> Decision:
    known = runs.by_facility.values() if runs else ()
    run = next((run for run in known if run.run_id == end.run_id), None)
    if isinstance(run, Running):
        return [(stream_id, end)]
    if isinstance(run, Ended) and isinstance(end, StatementCompleted):
        return []  # A repeat: two workers ended the same run.
    named, version = split_event_id(end.run_id)
    if named != stream_id or version > book.versions.get(stream_id, 0):
        raise NotFound(f"there is no run of statements {end.run_id}")
    raise StatementRunEnded(f"{end.run_id} has ended: start another one")


def _check_is_free(command: StartStatementRun, runs: RunsOfDay | None) -> None:
    """Accounts are in a run of their facility and in one of all."""
    wanted = command.facility or ALL_FACILITIES
    for facility, run_id in runs.at_work() if runs else ():
        if ALL_FACILITIES in (wanted, facility) or wanted == facility:
            of = "all facilities" if facility == ALL_FACILITIES else f"facility {facility}"
            raise StatementRunning(
                f"{run_id} of {of} and this day is running: wait until it has ended"
            )


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


def _failed(command: FailStatementRun) -> StatementFailed:
    return StatementFailed(run_id=command.run_id, code=command.code, detail=command.detail)


def evolve(runs: RunsOfDay | None, event: StatementEvent) -> RunsOfDay:
    """The runs of a day after an event."""
    known = runs.by_facility if runs else {}
    if isinstance(event, StatementStarted):
        started = Running(run_id=event.run_id)
        return RunsOfDay(by_facility=known | {event.facility or ALL_FACILITIES: started})
    ended = Ended(run_id=event.run_id)
    return RunsOfDay(
        by_facility={
            facility: ended if run.run_id == event.run_id else run
            for facility, run in known.items()
        }
    )


STATEMENT = Decider("run", decide, evolve, RunsOfDay)
