"""When customers are reminded, and what is overdue: the tenant's schedule and the open invoices."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from contracts.ids import AccountId, InvoiceId
from domain.invoice import Issued
from services.execute.load import decode_state
from services.statements.queries import sql

_OVERDUE: Final = sql("overdue")
_SCHEDULE: Final = (
    "SELECT reminder_days, handover_day FROM daybook.collection_schedules"
    " WHERE tenant = current_setting('daybook.tenants')"
)
_SET_SCHEDULE: Final = (
    "INSERT INTO daybook.collection_schedules (tenant, reminder_days, handover_day)"
    " VALUES (current_setting('daybook.tenants'), $1, $2)"
    " ON CONFLICT (tenant) DO UPDATE SET reminder_days = excluded.reminder_days,"
    " handover_day = excluded.handover_day"
)
_IS_OPEN: Final = (
    "SELECT EXISTS (SELECT FROM daybook.open_items o"
    " WHERE o.tenant = current_setting('daybook.tenants') AND o.kind = 'invoice' AND o.due_on = $1)"
)


class CollectionSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Days after the due date: of the reminders, and when collections take over, if ever."""

    reminder_days: tuple[int, ...] = (7, 21, 45)
    handover_day: int | None = 60

    def is_handover(self, day: int) -> bool:
        """Whether collections take over on a day; it may be an earlier schedule's day."""
        return self.handover_day is not None and day >= self.handover_day

    def next_day(self, done_day: int, due_on: date, today: date) -> int | None:
        """The next day; of reminders that were missed the last one alone."""
        ahead = sorted(day for day in self.reminder_days if day > done_day)
        passed = [day for day in ahead if due_on + timedelta(days=day) <= today]
        if passed:
            return passed[-1]
        days = [*ahead, *([self.handover_day] if self.handover_day else [])]
        return min((day for day in days if day > done_day), default=None)


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice that is outstanding, and how far its collection is."""

    invoice_id: InvoiceId
    account_id: AccountId
    outstanding_minor: int
    reminded_day: int
    handed_over: bool


async def read_schedule(connection: Any) -> CollectionSchedule:
    """The schedule of the one tenant that the connection sees."""
    row = await connection.fetchrow(_SCHEDULE)
    if row is None:
        return CollectionSchedule()
    return CollectionSchedule(
        reminder_days=tuple(row["reminder_days"]), handover_day=row["handover_day"]
    )


async def set_schedule(connection: Any, schedule: CollectionSchedule) -> None:
    """Keep a schedule, instead of the one there is; for a writer that acts for one tenant.

    What is under way goes by it from its next day on.
    """
    await connection.execute(_SET_SCHEDULE, list(schedule.reminder_days), schedule.handover_day)


async def is_anything_outstanding(connection: Any, due_on: date) -> bool:
    """Whether an invoice that was due on a day is outstanding still."""
    return bool(await connection.fetchval(_IS_OPEN, due_on))


async def read_overdue(connection: Any, due_on: date, after: str, limit: int) -> Sequence[Overdue]:
    """A page of the invoices that were due on a day and are outstanding, by id."""
    rows = await connection.fetch(_OVERDUE, due_on, after, limit)
    return [_overdue(row, decode_state(row["invoice_id"], row["state"])) for row in rows]


def _overdue(row: Any, state: Issued) -> Overdue:
    pursued = state.pursued
    return Overdue(
        invoice_id=row["invoice_id"],
        account_id=row["account_id"],
        outstanding_minor=row["outstanding_minor"],
        reminded_day=pursued.reminded_day if pursued else 0,
        handed_over=pursued.handed_over if pursued else False,
    )
