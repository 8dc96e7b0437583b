"""`daybook rates`: what currencies are worth in each other, for the line items of bills."""

from pathlib import Path

import click

from services.cli.over_pool import run_over_pool
from services.cli.running import data_dir_option, json_option, print_json, tenant_option
from services.exchange_rates import COLUMNS, RatesUnusable, list_rates, load_rates, read_rates
from services.logging import configure_logging
from services.tables import Sheet, show


@click.group()
def rates() -> None:
    """Exchange rates of bills; where none is loaded, each surface has its own default."""
    configure_logging("cli", level="warning")


@rates.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
@data_dir_option
def load(file: Path, tenant: str, data_dir: Path | None) -> None:
    """Load FILE, a CSV with a heading; its rates count on their days instead of any before."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            wanted = list(read_rates(lines))
    except (RatesUnusable, UnicodeDecodeError) as wrong:
        raise click.ClickException(
            f"{file}: {wrong}; its columns are {','.join(COLUMNS)}, the last two may be left out"
        ) from None
    count = run_over_pool(data_dir, load_rates, tenant, wanted)
    click.echo(f"{count} rates of {tenant} loaded")


@rates.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's rates."""
    found = run_over_pool(data_dir, list_rates, tenant)
    if as_json:
        print_json(found)
        return
    sheet = Sheet("from", "to", "rate", "first day", "last day", "surface", right=("rate",))
    for each in found:
        last = each.last_day.isoformat() if each.last_day else ""
        names = (each.currency, each.into_currency, f"{each.rate:f}")
        sheet.add(*names, each.first_day.isoformat(), last, each.surface)
    show(sheet if found else "no rate is loaded: the surfaces of bills have their defaults")
