"""`daybook zone`: what day it is at a facility."""

from pathlib import Path

import click
import msgspec

from contracts.inbound import FacilityCode
from services.cli.over_pool import run_over_pool
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    tenant_option,
)
from services.logging import configure_logging
from services.tables import Sheet, show
from services.time_zones import list_time_zones, set_time_zone


def _a_facility(
    _context: click.Context, _option: click.Parameter, facility: str | None
) -> str | None:
    """Refuse what can be no facility, for click."""
    try:
        return msgspec.convert(facility, FacilityCode | None)
    except msgspec.ValidationError:
        raise click.BadParameter(f"letters, digits and . _ - alone, not {facility!r}") from None


@click.group()
def zone() -> None:
    """Time zones of facilities: months, due dates, ageing and closes are local dates."""
    configure_logging("cli", level="warning")


@zone.command(name="set")
@click.argument("name", metavar="ZONE")
@click.option("--facility", callback=_a_facility, help="Whose; of all others if left out.")
@tenant_option
@data_dir_option
def set_command(name: str, facility: str | None, tenant: str, data_dir: Path | None) -> None:
    """Set the IANA time ZONE; days that are recorded stay as they are."""
    run_over_pool(data_dir, set_time_zone, tenant, name, facility)
    click.echo(f"{facility or '*'} of {tenant}: {name}")


@zone.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's zones; * is for facilities without one of their own."""
    found = run_over_pool(data_dir, list_time_zones, tenant)
    if as_json:
        print_json([{"facility": facility, "time_zone": name} for facility, name in found])
        return
    sheet = Sheet("facility", "time zone")
    for each in found:
        sheet.add(*each)
    show(sheet)
