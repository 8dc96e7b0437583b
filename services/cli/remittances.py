"""`daybook remittance`: claims of remittances that were parked, and resuming them."""

from pathlib import Path

import click

from services.cli.lists import list_options, show_list
from services.cli.running import (
    an_id,
    data_dir_option,
    run,
    settings_with,
    tenant_option,
)
from services.listed import Listed
from services.logging import configure_logging
from services.sagas.parked_remittances import ParkedRemittance, list_remittances, parked_remittance
from services.settings import Settings
from services.tables import Sheet
from services.wiring import resuming, writing


@click.group()
def remittance() -> None:
    """Remittances that could not be posted in full."""
    configure_logging("cli", level="warning")


@remittance.command(name="list")
@list_options
def list_parked(
    limit: int, after: str | None, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """Remittances with parked claims, with what to mend."""
    found = run(_list(settings_with(data_dir), tenant, limit, after))
    columns = ("remittance", "payer", "claim", "paid", "what is wrong")
    sheet = Sheet(*columns, folds=("payer", "what is wrong"), right=("paid",))
    show_list(found, sheet, _add, nothing="no remittance needs attention", as_json=as_json)


def _add(sheet: Sheet, found: ParkedRemittance) -> None:
    whose = f"{found.payer} {found.remittance_ref}"
    for claim in found.claims:
        sheet.add(found.remittance_id, whose, claim.named, claim.paid, claim.detail)


async def _list(
    settings: Settings, tenant: str, limit: int, after: str | None
) -> Listed[ParkedRemittance]:
    async with writing(settings) as wired:
        return await list_remittances(wired.pool, tenant, limit=limit, after=after)


@remittance.command()
@click.argument("remittance_id", callback=an_id)
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
        if await parked_remittance(wired.pool, tenant, remittance_id) is None:
            return False
        await wired.resume_remittance(tenant, remittance_id)
        return True
