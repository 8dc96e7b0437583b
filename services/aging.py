"""Computing ageing reports: on demand, and each night for the day that has ended."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from domain.book import Calendar
from projections.aging import Asked, events_behind, facilities, refresh, refreshed
from services.calendar import read_calendar

SETTLE: Final = timedelta(minutes=30)
"""How long after midnight a day is taken to be over: what was decided in it is in the log then."""


class DayAhead(ValueError):
    """A day that has not begun at a facility: nothing is known of it."""


class ReadModelBehind(Exception):
    """What a report is computed from has not seen all of the log."""


async def refresh_on_demand(
    connection: Any, at: datetime, *, facility: str | None = None, as_of: date | None = None
) -> list[Asked]:
    """Compute a facility's report, or each one's, as of a day or of today; raises DayAhead.

    Returns what was computed: nothing for a facility that keeps no account.
    """
    calendar = await read_calendar(connection)
    kept = [name for name in await facilities(connection) if facility in (None, name)]
    asked = [_asked(calendar, name, as_of or calendar.local_date(name, at)) for name in kept]
    for report in asked:
        today = calendar.local_date(report.facility, at)
        if report.as_of > today:
            raise DayAhead(f"it is {today} at facility {report.facility}: name that day or earlier")
    if asked:
        await refresh(connection, asked)
    return asked


async def refresh_ended_days(connection: Any, at: datetime) -> list[Asked]:
    """Compute what `ended_days` says; raises ReadModelBehind."""
    asked = await ended_days(connection, at)
    if asked:
        behind = await events_behind(connection)
        if behind > 0:
            raise ReadModelBehind(f"account_balances is {behind} events behind the log")
        await refresh(connection, asked)
    return asked


async def ended_days(connection: Any, at: datetime) -> list[Asked]:
    """The day that has ended last at each facility, unless its report was computed after it."""
    calendar = await read_calendar(connection)
    asked = [
        _asked(calendar, name, calendar.local_date(name, at - SETTLE) - timedelta(days=1))
        for name in await facilities(connection)
    ]
    if not asked:
        return []
    known = await refreshed(connection, min(report.as_of for report in asked))
    return [report for report in asked if not _is_final(report, known)]


def _is_final(report: Asked, known: dict[tuple[str, date], datetime]) -> bool:
    computed_at = known.get((report.facility, report.as_of))
    return computed_at is not None and computed_at >= _ended_at(report)


def _ended_at(report: Asked) -> datetime:
    """When the day was over and had settled."""
    midnight = datetime.combine(report.as_of + timedelta(days=1), time.min)
    return midnight.replace(tzinfo=ZoneInfo(report.time_zone)) + SETTLE


def _asked(calendar: Calendar, facility: str, as_of: date) -> Asked:
    return Asked(facility, as_of, calendar.zones.get(facility, calendar.default_zone))


async def tenants_after(pool: asyncpg.Pool, tenant: str, rows_max: int) -> Sequence[str]:
    """The next tenants by name; the pool acts as daybook_reporter."""
    rows = await pool.fetch("SELECT daybook.tenants_after($1, $2) AS tenant", tenant, rows_max)
    return [row["tenant"] for row in rows]
