"""What happens to a customer's billing period: it runs, and its end closes the bills in it."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from contracts.bill import ClosedBy
from contracts.event import Event
from contracts.ids import PeriodId
from contracts.money import Currency

Instant = Annotated[datetime, Meta(tz=True)]


class PeriodStarted(Event, frozen=True, kw_only=True):
    """A billing period of a customer began."""

    period_id: PeriodId
    customer_id: str
    currency: Currency
    days: int
    started_at: Instant
    ends_at: Instant


class PeriodClosed(Event, frozen=True, kw_only=True):
    """The period is over: its open bills close, and no bill is made in it any more."""

    period_id: PeriodId
    closed_at: Instant
    closed_by: ClosedBy
