"""`daybook tax`: the rules that charges are taxed by, and invoices as they are issued."""

from datetime import datetime
from pathlib import Path

import click

from domain.tax import ANY
from services.cli.over_pool import run_over_pool
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    tenant_option,
)
from services.logging import configure_logging
from services.tables import Sheet, show
from services.tax_rules import (
    TaxRuleInvalid,
    list_tax_rules,
    remove_tax_rule,
    set_tax_rule,
    tax_rule,
)

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def tax() -> None:
    """Tax rules: by code and facility, by code, by facility, for all; the first that holds."""
    configure_logging("cli", level="warning")


@tax.command(name="set")
@click.argument("rule")
@click.option("--rate", required=True, help="In percent, such as 7.25.")
@click.option("--facility", default=ANY, show_default=True, help="Whose charges; * for any other.")
@click.option("--code", default=ANY, show_default=True, help="Of what; * for any other.")
@click.option("--from", "first", type=_DAY, required=True, help="First service date.")
@click.option("--to", "last", type=_DAY, help="Last service date; for good if left out.")
@tenant_option
@data_dir_option
def set_command(
    rule: str,
    rate: str,
    facility: str,
    code: str,
    first: datetime,
    last: datetime | None,
    tenant: str,
    data_dir: Path | None,
) -> None:
    """Set RULE, by a name of yours, instead of the one that has the name.

    It counts at once: for new charges, and for the final tax of invoices that are issued.
    """
    try:
        wanted = tax_rule(rule, rate, facility, code, first.date(), last.date() if last else None)
    except TaxRuleInvalid as invalid:
        raise click.BadParameter(str(invalid)) from None
    run_over_pool(data_dir, set_tax_rule, tenant, wanted)
    click.echo(f"{rule} of {tenant}: {rate} % on {code} at {facility} from {wanted.valid_from} on")


@tax.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_command(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """The tenant's rules."""
    found = run_over_pool(data_dir, list_tax_rules, tenant)
    if as_json:
        print_json(found)
        return
    sheet = Sheet("rule", "percent", "code", "facility", "from", "to", right=("percent",))
    for each in found:
        last = each.valid_to.isoformat() if each.valid_to else ""
        sheet.add(each.rule, each.rate, each.code, each.facility, each.valid_from.isoformat(), last)
    show(sheet if found else "no tax rule is set: nothing is taxed")


@tax.command()
@click.argument("rule")
@tenant_option
@data_dir_option
def remove(rule: str, tenant: str, data_dir: Path | None) -> None:
    """Forget RULE, also for what is still to be issued; to end it, set its last day instead."""
    if not run_over_pool(data_dir, remove_tax_rule, tenant, rule):
        raise click.ClickException(f"{tenant} has no tax rule {rule}: see `daybook tax list`")
    click.echo(f"{rule} of {tenant} removed")
