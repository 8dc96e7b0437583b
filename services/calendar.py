"""Local dates of a tenant's facilities, from its settings."""

from datetime import datetime
from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.book import Calendar
from projections.aging_rows import LocalDates

_ZONES: Final = (
    "SELECT facility, time_zone FROM daybook.facility_settings"
    " WHERE tenant = current_setting('daybook.tenants')"
    " UNION ALL SELECT NULL, time_zone FROM daybook.tenant_settings"
    " WHERE tenant = current_setting('daybook.tenants')"
)


async def read_calendar(connection: asyncpg.Connection | PoolConnectionProxy) -> Calendar:
    """The time zones of the one tenant that the connection reads."""
    zones = {row["facility"]: row["time_zone"] for row in await connection.fetch(_ZONES)}
    return Calendar(default_zone=zones.pop(None, "UTC"), zones=zones)


def local_dates(calendar: Calendar, instant: datetime) -> LocalDates:
    """Which day it is at each facility at an instant."""
    return LocalDates(
        elsewhere=calendar.local_date("", instant),
        at={facility: calendar.local_date(facility, instant) for facility in calendar.zones},
    )
