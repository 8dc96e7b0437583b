"""Billing periods: one of a customer runs at a time."""

from datetime import timedelta

from msgspec import structs

from contracts.bill import ClosedBy
from contracts.ids import PeriodId
from contracts.period import PeriodClosed, PeriodStarted
from domain.period import PERIOD, ClosePeriod, PeriodOver, PeriodRunning
from domain.rejections import CurrencyUnsupported, Invalid, NotFound
from tests.fixtures.bill_commands import close_period, start_period
from tests.fixtures.scenario import NOON, given

STREAM = start_period().stream_id
STARTED = PeriodStarted(
    period_id=PeriodId(f"{STREAM}-1"),
    customer_id="cust-1",
    currency="USD",
    days=30,
    started_at=NOON,
    ends_at=NOON + timedelta(days=30),
)
CLOSED = PeriodClosed(period_id=STARTED.period_id, closed_at=NOON, closed_by=ClosedBy.REQUEST)


def test_a_period_runs_from_now_for_so_many_days() -> None:
    given(PERIOD).when(start_period()).then(STARTED)


def test_a_second_one_waits_for_the_end_of_the_first() -> None:
    given(PERIOD, STARTED).when(start_period()).then_rejected(PeriodRunning)
    (again,) = given(PERIOD, STARTED, CLOSED).when(start_period()).events
    assert isinstance(again, PeriodStarted)
    assert again.period_id == f"{STREAM}-3"


def test_one_that_is_over_is_closed_by_the_next_one() -> None:
    late = given(PERIOD, STARTED, at=NOON + timedelta(days=30))
    closed, started = late.when(start_period()).events
    assert isinstance(closed, PeriodClosed)
    assert closed.closed_by is ClosedBy.END
    assert isinstance(started, PeriodStarted)
    assert started.period_id == f"{STREAM}-3"


def test_a_period_is_closed_once_and_its_named_end_may_be_repeated() -> None:
    given(PERIOD, STARTED).when(close_period()).then(CLOSED)
    over = given(PERIOD, STARTED, CLOSED)
    over.when(close_period()).then_rejected(PeriodOver)
    named = ClosePeriod(stream_id=STREAM, closed_by=ClosedBy.END, period_id=STARTED.period_id)
    over.when(named).then_nothing()
    unknown = structs.replace(named, period_id=PeriodId(f"{STREAM}-7"))
    over.when(unknown).then_rejected(NotFound)
    given(PERIOD).when(close_period()).then_rejected(NotFound)


def test_a_period_has_days_and_a_currency() -> None:
    given(PERIOD).when(start_period(days=0)).then_rejected(Invalid)
    given(PERIOD).when(start_period(currency="LEK")).then_rejected(CurrencyUnsupported)
