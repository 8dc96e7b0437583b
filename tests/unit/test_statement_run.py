"""Runs of statements and collections, decided."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.ids import RunId, event_id
from contracts.statement import StatementCompleted, StatementStarted
from domain import naming
from domain.book import Book
from domain.decider import Rejected
from domain.rejections import Invalid, NotFound
from domain.statement import (
    STATEMENT,
    CompleteStatementRun,
    FailStatementRun,
    StartStatementRun,
    StatementRunEnded,
    StatementRunning,
)
from services.commands import book_event
from services.sagas.stating import summary
from services.statements.collections import CollectionSchedule

STREAM = naming.statement_runs_id("demo", "2026-03-31")
FIRST = RunId(event_id(STREAM, 1))
START = StartStatementRun(
    stream_id=STREAM, facility=None, first_on=date(2026, 3, 1), as_of=date(2026, 3, 31)
)
FAIL = FailStatementRun(stream_id=STREAM, run_id=FIRST, code="CANCELLED", detail="why")
COMPLETE = CompleteStatementRun(stream_id=STREAM, completed=summary(FIRST, []))


def book() -> Book:
    return Book(tenant="demo", recorded_at=datetime(2026, 4, 1, tzinfo=UTC))


def decide(book: Book, command: Any) -> list[Any]:
    """Decide a command and book what it decided."""
    decided = STATEMENT.decide(command, book)
    for stream_id, event in decided:
        book_event(book, stream_id, event)
    return [event for _, event in decided]


def test_a_run_is_named_by_the_event_that_started_it() -> None:
    kept = book()
    (first,) = decide(kept, START)
    assert isinstance(first, StatementStarted)
    assert first.run_id == FIRST
    decide(kept, FAIL)
    (second,) = decide(kept, START)
    assert second.run_id == event_id(STREAM, 3)


def test_two_of_a_facility_and_day_do_not_run_at_once() -> None:
    kept = book()
    decide(kept, START)
    with pytest.raises(StatementRunning, match=FIRST):
        decide(kept, START)


NORTH, SOUTH = (replace(START, facility=facility) for facility in ("north", "south"))


@pytest.mark.parametrize(
    ("running", "wanted", "free"),
    [
        (START, NORTH, False),
        (NORTH, START, False),
        (NORTH, NORTH, False),
        (NORTH, SOUTH, True),
    ],
)
def test_a_run_of_all_and_one_of_a_facility_exclude_each_other(
    running: StartStatementRun, wanted: StartStatementRun, free: bool
) -> None:
    kept = book()
    decide(kept, running)
    if free:
        (started,) = decide(kept, wanted)
        assert started.facility == wanted.facility
        return
    named = "all facilities" if running.facility is None else "facility north"
    with pytest.raises(StatementRunning, match=f"{FIRST} of {named}"):
        decide(kept, wanted)
    decide(kept, FAIL)
    assert len(decide(kept, wanted)) == 1


def test_the_end_of_one_facilitys_run_leaves_that_of_another_at_work() -> None:
    kept = book()
    decide(kept, NORTH)
    decide(kept, SOUTH)
    assert len(decide(kept, FAIL)) == 1
    decide(kept, NORTH)
    for refused, running in ((SOUTH, 2), (NORTH, 4), (START, "[24]")):
        with pytest.raises(StatementRunning, match=f"{STREAM}-{running} "):
            decide(kept, refused)


@pytest.mark.parametrize("end", [FAIL, COMPLETE])
def test_a_run_ends_once_and_a_late_end_leaves_the_next_one_alone(end: Any) -> None:
    kept = book()
    decide(kept, START)
    assert len(decide(kept, end)) == 1
    assert decide(kept, COMPLETE) == []
    decide(kept, START)
    for late in (FAIL, COMPLETE):
        with pytest.raises(StatementRunEnded):
            decide(kept, late)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"as_of": date(2026, 4, 3)}, Invalid),
        ({"first_on": date(2026, 4, 1)}, Invalid),
    ],
)
def test_a_run_that_cannot_be_is_refused(changes: dict[str, Any], refusal: type[Rejected]) -> None:
    with pytest.raises(refusal):
        decide(book(), replace(START, **changes))


def test_what_was_never_started_does_not_end() -> None:
    kept = book()
    for end in (FAIL, COMPLETE):
        with pytest.raises(NotFound):
            decide(kept, end)
    decide(kept, START)
    for run_id in (RunId(event_id(STREAM, 2)), RunId("run_01h455vb4pex5vsknk084sn02q-1")):
        with pytest.raises(NotFound):
            decide(kept, replace(FAIL, run_id=run_id))


def test_the_summary_counts_and_tells_two_results_apart() -> None:
    outcomes: list[tuple[str, str, str | None]] = [
        ("acc_1", "delivered", "aa"),
        ("acc_2", "failed", None),
        ("acc_3", "skipped", None),
    ]
    found = summary(FIRST, outcomes)
    assert (found.total, found.delivered, found.failed, found.skipped) == (3, 1, 1, 1)
    assert isinstance(found, StatementCompleted)
    other = summary(FIRST, [("acc_1", "delivered", "ab"), *outcomes[1:]])
    assert found.digest != other.digest


DUE = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("done", "today", "following"),
    [
        (0, date(2026, 3, 1), 7),
        (7, date(2026, 4, 8), 21),
        (45, date(2026, 5, 20), 60),
        (60, date(2026, 6, 1), None),
        (0, date(2026, 4, 30), 21),
        (0, date(2026, 8, 1), 45),
    ],
)
def test_the_schedule_goes_on_and_makes_up_for_the_last_reminder_alone(
    done: int, today: date, following: int | None
) -> None:
    assert CollectionSchedule().next_day(done, DUE, today) == following
