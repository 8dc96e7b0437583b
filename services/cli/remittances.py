"""`daybook remittance`: claims of remittances that were parked, and resuming them."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.logging import configure_logging
from services.sagas.parked import ParkedRemittance, parked_remittances
from services.settings import Settings
from services.wiring import resuming, writing


@click.group()
def remittance() -> None:
    """Remittances that could not be posted in full."""
    configure_logging("cli", level="warning")


@remittance.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_parked(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """Remittances with parked claims, with what to mend."""
    parked = run(_list(settings_with(data_dir), tenant))
    if as_json:
        print_json(parked)
        return
    table = Table("remittance", "payer", "claim", "paid", "what is wrong")
    for found in parked:
        for claim in found.claims:
            whose = f"{found.payer} {found.remittance_ref}"
            table.add_row(found.remittance_id, whose, claim.named, claim.paid, claim.detail)
    Console().print(table if parked else "no remittance needs attention")


async def _list(settings: Settings, tenant: str) -> list[ParkedRemittance]:
    async with writing(settings) as wired:
        return await parked_remittances(wired.pool, tenant)


@remittance.command()
@click.argument("remittance_id")
@tenant_option
@data_dir_option
def resume(remittance_id: str, tenant: str, data_dir: Path | None) -> None:
    """Try parked claims again, after what was wrong was mended (an invoice issued, say)."""
    if not run(_resume(settings_with(data_dir), tenant, remittance_id)):
        raise click.ClickException(
            f"there is no remittance {remittance_id} with parked claims in tenant {tenant}"
        )
    click.echo(f"{remittance_id} resumed")


async def _resume(settings: Settings, tenant: str, remittance_id: str) -> bool:
    """False when nothing of it is parked."""
    async with resuming(settings) as wired:
        if not await parked_remittances(wired.pool, tenant, remittance_id):
            return False
        await wired.resume_remittance(tenant, remittance_id)
        return True
