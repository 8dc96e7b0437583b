"""`daybook refund threshold`: under which amount refunds need no second person."""

from pathlib import Path

import click

from contracts.money import MoneyInvalid, parse_money
from services.cli.over_pool import run_over_pool
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    tenant_option,
)
from services.logging import configure_logging
from services.refund_thresholds import list_thresholds, set_threshold
from services.tables import Sheet, show


@click.group()
def refund() -> None:
    """What a tenant lets go back without a second person."""
    configure_logging("cli", level="warning")


@refund.group()
def threshold() -> None:
    """The amounts below which refunds of a payment approve themselves, one a currency."""


@threshold.command(name="set")
@click.argument("amount")
@click.option("--currency", required=True, help="ISO 4217 code.")
@tenant_option
@data_dir_option
def set_command(amount: str, currency: str, tenant: str, data_dir: Path | None) -> None:
    """Let refunds approve themselves while all of a payment are below AMOUNT; with 0 none does."""
    try:
        below = parse_money(amount, currency)
    except MoneyInvalid as invalid:
        raise click.BadParameter(str(invalid)) from None
    if below.minor < 0:
        raise click.BadParameter(f"an amount from 0 on, not {amount}")
    run_over_pool(data_dir, set_threshold, tenant, below)
    click.echo(f"refunds below {below.amount} {currency} of {tenant} approve themselves")


@threshold.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's thresholds."""
    found = run_over_pool(data_dir, list_thresholds, tenant)
    if as_json:
        print_json([each._asdict() for each in found])
        return
    sheet = Sheet("currency", "below", right=("below",))
    for each in found:
        sheet.add(each.currency, each.below)
    show(sheet if found else "no threshold is set: somebody else approves every refund")
