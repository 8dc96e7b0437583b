"""`daybook saga`: what a tenant chooses about encounters and remittances."""

from pathlib import Path
from typing import Final

import click
import msgspec

from services.cli.over_pool import run_over_pool
from services.cli.running import data_dir_option, json_option, print_json, tenant_option
from services.logging import configure_logging
from services.sagas.settings import SagaSettings, change_settings, show_settings
from services.tables import Sheet, show

_DAYS: Final = click.IntRange(0, 3_650)


@click.group()
def saga() -> None:
    """How encounters are invoiced, and how long a payer's claim waits for its invoice."""
    configure_logging("cli", level="warning")


@saga.command(name="set")
@click.option(
    "--encounter-invoice",
    type=click.Choice(["issue", "draft"]),
    help="Issue an encounter's invoice, or leave it as a draft.",
)
@click.option("--due-days", type=_DAYS, help="From issue to due date, of what sagas issue.")
@click.option("--remittance-wait-days", type=_DAYS, help="Until a claim without invoice is parked.")
@tenant_option
@data_dir_option
def set_command(tenant: str, data_dir: Path | None, **options: str | int | None) -> None:
    """Change what is named; what is under way goes by it from its next step on."""
    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        raise click.UsageError("name what to change: `daybook saga set --help` lists it")
    _show(run_over_pool(data_dir, change_settings, tenant, changes))


@saga.command(name="show")
@tenant_option
@data_dir_option
@json_option
def show_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's choices, or what holds where none is made."""
    found = run_over_pool(data_dir, show_settings, tenant)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: SagaSettings) -> None:
    sheet = Sheet("setting", "value")
    for name, value in msgspec.structs.asdict(found).items():
        sheet.add(name.replace("_", " "), str(value))
    show(sheet)
