"""Runs of statements and collections, decided."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.ids import RunId, StreamId, derive, event_id
from contracts.statement import StatementCompleted, StatementStarted
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
from services.sagas.stating import summary
from services.statements.collections import CollectionSchedule

STREAM = StreamId(derive("run", "demo", "*", "2026-03-31"))
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
        book.take(stream_id, event, STATEMENT.evolve(book.states.get(stream_id), event))
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
    fields = {name: getattr(START, name) for name in START.__struct_fields__}
    with pytest.raises(refusal):
        decide(book(), StartStatementRun(**fields | changes))


def test_what_was_never_started_does_not_end() -> None:
    for end in (FAIL, COMPLETE):
        with pytest.raises(NotFound):
            decide(book(), end)


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
