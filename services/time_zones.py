"""Which time zone a tenant and each of its facilities keep: what day it is there depends on it."""

from typing import Final

import asyncpg

from services.calendar import read_calendar
from services.cannot_run import CannotRun
from services.tenant_view import tenant_view

_SET: Final = (
    "INSERT INTO tenant_settings (tenant, time_zone) VALUES ($1, $2)"
    " ON CONFLICT (tenant) DO UPDATE SET time_zone = excluded.time_zone"
)
_SET_FACILITY: Final = (
    "INSERT INTO facility_settings (tenant, time_zone, facility) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant, facility) DO UPDATE SET time_zone = excluded.time_zone"
)


class TimeZoneUnknown(CannotRun):
    """No IANA time zone has the name."""


async def set_time_zone(pool: asyncpg.Pool, tenant: str, zone: str, facility: str | None) -> None:
    """Set the zone of a facility, or of all without one of their own; raises TimeZoneUnknown.

    Days that are recorded stay as they are. The pool acts as daybook_writer.
    """
    try:
        async with tenant_view(pool, tenant) as connection:
            if facility is None:
                await connection.execute(_SET, tenant, zone)
            else:
                await connection.execute(_SET_FACILITY, tenant, zone, facility)
    except asyncpg.CheckViolationError:
        raise TimeZoneUnknown(
            f"{zone} is no IANA time zone, spelled in full, such as Asia/Kabul"
        ) from None


async def list_time_zones(pool: asyncpg.Pool, tenant: str) -> list[tuple[str, str]]:
    """Facilities and their zones, by facility; `*` is for all others and stands first."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        calendar = await read_calendar(connection)
    return [("*", calendar.default_zone), *sorted(calendar.zones.items())]
