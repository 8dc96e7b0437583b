"""Billing periods: one of a customer runs at a time, and its end closes the bills in it."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from contracts.bill import ClosedBy
from contracts.event import Event
from contracts.ids import PeriodId, StreamId, event_id, split_event_id
from contracts.money import CurrencyUnsupported as UnknownCurrency
from contracts.money import exponent
from contracts.period import PeriodClosed, PeriodStarted
from domain.book import Book
from domain.decider import Decider, Decision, Rejected
from domain.rejections import CurrencyUnsupported, Invalid, NotFound

DAYS_MAX: Final = 3_660


class StartPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a billing period of a customer now; the stream is that of the customer's periods."""

    stream_id: StreamId
    customer_id: str
    currency: str
    days: int


class ClosePeriod(msgspec.Struct, frozen=True, kw_only=True):
    """End a period: the running one, or the one that is named."""

    stream_id: StreamId
    closed_by: ClosedBy
    period_id: PeriodId | None = None


PeriodCommand = StartPeriod | ClosePeriod


class Running(msgspec.Struct, frozen=True, kw_only=True, tag="running"):
    """Bills are made in it."""

    period_id: PeriodId
    customer_id: str
    currency: str
    started_at: datetime
    ends_at: datetime


class Over(msgspec.Struct, frozen=True, kw_only=True, tag="over"):
    """The last period was closed; the next one may begin."""

    period_id: PeriodId
    customer_id: str


PeriodState = Running | Over
PeriodEvent = PeriodStarted | PeriodClosed


class PeriodRunning(Rejected):
    """A customer has one running period at a time."""


class PeriodOver(Rejected):
    """The period is closed already."""


def decide(command: PeriodCommand, book: Book) -> Decision:
    """Begin a period where none runs, and end the one that does."""
    state: PeriodState | None = book.states.get(command.stream_id)
    match command, state:
        case StartPeriod(), Running() if book.recorded_at < state.ends_at:
            raise PeriodRunning(
                f"{state.period_id} of this customer runs until {state.ends_at:%Y-%m-%dT%H:%M:%SZ}"
            )
        case StartPeriod(), Running():  # It is over, and nobody has said so yet.
            closed = _closed(state.period_id, ClosedBy.END, book)
            return [
                (command.stream_id, closed),
                (command.stream_id, _started(command, book, behind=1)),
            ]
        case StartPeriod(), _:
            return [(command.stream_id, _started(command, book))]
        case ClosePeriod(), None:
            raise NotFound("this customer has no billing period")
        case ClosePeriod(period_id=named), Running() if named in (None, state.period_id):
            return [(command.stream_id, _closed(state.period_id, command.closed_by, book))]
        case ClosePeriod(period_id=str(named)), _ if _was(named, command.stream_id, book):
            return []  # A repeat, of this period's end or of an earlier one's.
        case ClosePeriod(period_id=None), _:
            raise PeriodOver("no billing period of this customer is running")
        case _:
            raise NotFound(f"there is no billing period {command.period_id}")


def _was(period_id: str, stream_id: StreamId, book: Book) -> bool:
    """Whether a period that does not run any more ever did."""
    named, version = split_event_id(period_id)
    return named == stream_id and version <= book.versions.get(stream_id, 0)


def _started(command: StartPeriod, book: Book, *, behind: int = 0) -> PeriodStarted:
    if not 1 <= command.days <= DAYS_MAX:
        raise Invalid(f"billing_period_days must be from 1 to {DAYS_MAX}")
    try:
        exponent(command.currency)
    except UnknownCurrency as unknown:
        raise CurrencyUnsupported(str(unknown)) from None
    version = book.versions.get(command.stream_id, 0) + behind + 1
    return PeriodStarted(
        period_id=PeriodId(event_id(command.stream_id, version)),
        customer_id=command.customer_id,
        currency=command.currency,
        days=command.days,
        started_at=book.recorded_at,
        ends_at=book.recorded_at + timedelta(days=command.days),
    )


def _closed(period_id: PeriodId, closed_by: ClosedBy, book: Book) -> Event:
    return PeriodClosed(period_id=period_id, closed_at=book.recorded_at, closed_by=closed_by)


def running(stream_id: StreamId | None, book: Book) -> Running:
    """The running period of a customer; raises NotFound."""
    state = None if stream_id is None else book.states.get(stream_id)
    if not isinstance(state, Running) or book.recorded_at >= state.ends_at:
        raise NotFound("no billing period of this customer is running: start one")
    return state


def evolve(state: PeriodState | None, event: PeriodEvent) -> PeriodState | None:
    """The periods of a customer after an event."""
    match event, state:
        case PeriodStarted(), _:
            return Running(
                period_id=event.period_id,
                customer_id=event.customer_id,
                currency=event.currency,
                started_at=event.started_at,
                ends_at=event.ends_at,
            )
        case PeriodClosed(), Running() | Over():
            return Over(period_id=event.period_id, customer_id=state.customer_id)
        case _:
            return state


PERIOD = Decider("per", decide, evolve, PeriodState)
