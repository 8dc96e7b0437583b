"""How a bill is made: of a calendar month, in a customer's running period, or from start to end."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from contracts.account import AccountOpened
from contracts.bill import BillActivated, BillCreated, BillSurface
from contracts.event import Event
from contracts.ids import AccountId, BillId, PeriodId, StreamId
from contracts.money import CurrencyUnsupported as UnknownCurrency
from contracts.money import exponent
from domain import naming, period
from domain.bill_states import Known
from domain.book import Book
from domain.decider import Decision
from domain.rejections import CurrencyUnsupported, Invalid

FACILITY: Final = "bills"
"""Where the account of a customer is kept that has none yet."""
# Clients whose clock is behind mean now.
_LATE_MAX: Final = timedelta(seconds=5)


class CreateBill(msgspec.Struct, frozen=True, kw_only=True):
    """Make a bill: of a month, in a customer's running period, or from start to end."""

    bill_id: BillId
    account_id: AccountId
    customer_id: str
    surface: BillSurface
    currency: str
    month: str | None = None
    periods: StreamId | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    idempotency_key: str | None = None


def is_repeat(command: CreateBill, known: Known) -> bool:
    """Whether it is the same bill, asked for under the same key once more."""
    return (
        command.idempotency_key is not None
        and command.ends_at in (None, known.ends_at)
        and (command.idempotency_key, command.customer_id, command.currency, command.month)
        == (known.idempotency_key, known.customer_id, known.currency, known.month)
    )


def create(command: CreateBill, book: Book) -> Decision:
    """The bill, behind the account that it is the first of, before its activation if it begins.

    Raises Invalid, CurrencyUnsupported, NotFound.
    """
    try:
        exponent(command.currency)
    except UnknownCurrency as unknown:
        raise CurrencyUnsupported(str(unknown)) from None
    events: list[tuple[str, Event]] = []
    account = book.accounts.get(command.account_id)
    if account is None:
        events.append((command.account_id, _account(command)))
    created = _created(command, account.facility if account else FACILITY, book)
    events.append((command.bill_id, created))
    if command.surface is not BillSurface.DATED and created.starts_at <= book.recorded_at:
        activated = BillActivated(
            bill_id=command.bill_id, account_id=command.account_id, activated_at=book.recorded_at
        )
        events.append((command.bill_id, activated))
    return events


def _account(command: CreateBill) -> AccountOpened:
    return AccountOpened(
        account_id=command.account_id,
        patient_id=naming.bill_customer(command.customer_id),
        name=None,
        facility=FACILITY,
        currency=command.currency,
        language="en",
    )


def _created(command: CreateBill, facility: str, book: Book) -> BillCreated:
    period_id: PeriodId | None = None
    ends_at: datetime | None
    match command.surface:
        case BillSurface.MONTHLY:
            starts_at, ends_at = month_of(command.month or "", book)
        case BillSurface.PERIODS:
            runs = period.running(command.periods, book)
            starts_at, ends_at, period_id = runs.started_at, runs.ends_at, runs.period_id
        case BillSurface.DATED:
            starts_at, ends_at = _from_to(command, book)
    return BillCreated(
        bill_id=command.bill_id,
        account_id=command.account_id,
        surface=command.surface,
        customer_id=command.customer_id,
        facility=facility,
        currency=command.currency,
        created_at=book.recorded_at,
        starts_at=starts_at.astimezone(UTC),
        # What was over when it was made stays open until somebody closes it.
        ends_at=ends_at.astimezone(UTC) if ends_at and ends_at > book.recorded_at else None,
        month=command.month,
        period_id=period_id,
        idempotency_key=command.idempotency_key,
    )


def month_of(month: str, book: Book) -> tuple[datetime, datetime]:
    """When a local month begins, and when the next one does."""
    zone = book.calendar.zone()
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    days = monthrange(first.year, first.month)[1]
    after = (first.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=zone)
    return first, after


def _from_to(command: CreateBill, book: Book) -> tuple[datetime, datetime | None]:
    now = book.recorded_at
    starts_at = command.starts_at or now
    if starts_at < now - _LATE_MAX:
        raise Invalid("start_time must not be in the past")
    if command.ends_at is not None and command.ends_at <= max(starts_at, now):
        raise Invalid("end_time must be in the future and after start_time")
    return starts_at, command.ends_at
