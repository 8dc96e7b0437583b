"""`daybook encounter`: encounters that need attention, and resuming them."""

from pathlib import Path

import click

from contracts.ids import EncounterId
from domain.encounter import ResumeEncounter
from services.cli.lists import list_options, show_list
from services.cli.running import (
    an_id,
    data_dir_option,
    run,
    settings_with,
    tenant_option,
)
from services.execute.envelope import Envelope, Outcome, Refused
from services.listed import Listed
from services.logging import configure_logging
from services.sagas.parked_encounters import ParkedEncounter, list_encounters
from services.settings import Settings
from services.tables import Sheet
from services.wiring import writing


@click.group()
def encounter() -> None:
    """Encounters that could not be charged in full."""
    configure_logging("cli", level="warning")


@encounter.command(name="list")
@list_options
def list_parked(
    limit: int, after: str | None, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """Encounters that need attention, with what to mend."""
    found = run(_list(settings_with(data_dir), tenant, limit, after))
    sheet = Sheet("encounter", "what is wrong", folds=("what is wrong",))
    show_list(found, sheet, _add, nothing="no encounter needs attention", as_json=as_json)


def _add(sheet: Sheet, found: ParkedEncounter) -> None:
    sheet.add(found.encounter_id, "\n".join(found.problems))


async def _list(
    settings: Settings, tenant: str, limit: int, after: str | None
) -> Listed[ParkedEncounter]:
    async with writing(settings) as wired:
        return await list_encounters(wired.pool, tenant, limit=limit, after=after)


@encounter.command()
@click.argument("encounter_id", callback=an_id)
@tenant_option
@data_dir_option
def resume(encounter_id: str, tenant: str, data_dir: Path | None) -> None:
    """Try again what could not be charged, after it was mended (a price published, say)."""
    outcome = run(_resume(settings_with(data_dir), tenant, encounter_id))
    if isinstance(outcome, Refused):
        raise click.ClickException(outcome.detail)
    click.echo(f"{encounter_id} resumed")


async def _resume(settings: Settings, tenant: str, encounter_id: str) -> Outcome:
    async with writing(settings) as wired:
        return await wired.executor.execute(
            Envelope(
                tenant=tenant,
                command=ResumeEncounter(encounter_id=EncounterId(encounter_id)),
                actor="cli",
                correlation_id=encounter_id,
            )
        )
