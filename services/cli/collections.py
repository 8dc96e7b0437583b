"""`daybook collection schedule`: when customers are reminded of what is overdue, and what then."""

from pathlib import Path
from typing import Final

import click

from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.logging import configure_logging
from services.settings import Settings
from services.statements.collections import CollectionSchedule, read_schedule, set_schedule
from services.tenant_view import tenant_view
from services.wiring import reading, writing

DAY_MAX: Final = 3650
REMINDERS_MAX: Final = 12
_DAY: Final = click.IntRange(1, DAY_MAX)


@click.group()
def collection() -> None:
    """What becomes of overdue invoices."""
    configure_logging("cli", level="warning")


@collection.group()
def schedule() -> None:
    """Days after the due date: of reminders, and when collections take over."""


@schedule.command(name="set")
@click.option("--remind", type=_DAY, multiple=True, metavar="DAY", help="Of a reminder; up to 12.")
@click.option(
    "--hand-over", type=_DAY, metavar="DAY", help="When collections take over; else never."
)
@click.option("--none", is_flag=True, help="Neither reminders nor collections.")
@tenant_option
@data_dir_option
def set_command(
    remind: tuple[int, ...], hand_over: int | None, none: bool, tenant: str, data_dir: Path | None
) -> None:
    """Set the whole schedule; what is under way goes by it from its next day on."""
    if none == bool(remind or hand_over):
        raise click.UsageError("name the days with --remind and --hand-over, or say --none")
    days = tuple(sorted(set(remind)))
    if len(days) > REMINDERS_MAX:
        raise click.BadParameter(f"at most {REMINDERS_MAX} reminders, not {len(days)}")
    if hand_over is not None and days and hand_over <= days[-1]:
        raise click.BadParameter(
            f"collections take over after the last reminder, which is on day {days[-1]}"
        )
    wanted = CollectionSchedule(reminder_days=days, handover_day=hand_over)
    run(_set(settings_with(data_dir), tenant, wanted))
    click.echo(f"{tenant}: {_told(wanted)}")


@schedule.command(name="show")
@tenant_option
@data_dir_option
@json_option
def show_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's schedule, or the one that holds where none is set."""
    found = run(_read(settings_with(data_dir), tenant))
    if as_json:
        print_json(found)
    else:
        click.echo(f"{tenant}: {_told(found)}")


def _told(found: CollectionSchedule) -> str:
    days = ", ".join(str(day) for day in found.reminder_days)
    reminders = f"reminders {days} days after the due date" if days else "no reminders"
    if found.handover_day is None:
        return f"{reminders}; nothing goes to collections"
    return f"{reminders}; collections take over after {found.handover_day} days"


async def _set(settings: Settings, tenant: str, wanted: CollectionSchedule) -> None:
    async with writing(settings) as wired, tenant_view(wired.pool, tenant) as connection:
        await set_schedule(connection, wanted)


async def _read(settings: Settings, tenant: str) -> CollectionSchedule:
    async with reading(settings) as pool, tenant_view(pool, tenant) as connection:
        return await read_schedule(connection)
