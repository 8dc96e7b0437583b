"""`daybook fhir`: what the FHIR server refused of ours, and trying it again."""

from pathlib import Path

import click

from services.cannot_run import CannotRun
from services.cli.lists import list_options, show_list
from services.cli.over_pool import run_over_pool
from services.cli.running import an_id, data_dir_option, run, settings_with, tenant_option
from services.fhir.refused import Refusal, causes, list_refused
from services.logging import configure_logging
from services.ports import FhirAway
from services.settings import Settings
from services.tables import Sheet
from services.wiring import fhir_gateway


@click.group()
def fhir() -> None:
    """Our events as resources on a FHIR server."""
    configure_logging("cli", level="warning")


@fhir.group()
def refused() -> None:
    """Resources that the FHIR server would not take."""


@refused.command(name="list")
@list_options
def list_command(
    limit: int, after: str | None, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """What was refused, and why."""
    found = run_over_pool(data_dir, list_refused, tenant, limit=limit, after=after)
    sheet = Sheet("id", "resource", "why", folds=("why",))
    show_list(found, sheet, _add, nothing="the FHIR server refused nothing", as_json=as_json)


def _add(sheet: Sheet, found: Refusal) -> None:
    sheet.add(found.stream_id, found.type, found.detail)


@refused.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--all", "is_all", is_flag=True, help="Everything that was refused.")
@tenant_option
@data_dir_option
def retry(ids: tuple[str, ...], is_all: bool, tenant: str, data_dir: Path | None) -> None:
    """Send resources again as they are now, once it was mended why they were refused."""
    if bool(ids) == is_all:
        raise click.UsageError("name what to send again, or --all")
    if is_all:
        ids = tuple(run_over_pool(data_dir, causes, tenant, stream_ids=None))
    for id_ in ids:
        an_id(click.get_current_context(), click.Argument(["ids"]), id_)
    count = run(_again(settings_with(data_dir), tenant, ids))
    if count:
        raise click.ClickException(f"{count} refused again: `daybook fhir refused list` says why")
    click.echo(f"{len(ids)} taken")


async def _again(settings: Settings, tenant: str, ids: tuple[str, ...]) -> int:
    async with fhir_gateway(settings) as gateway:
        try:
            return await gateway.again(tenant, ids)
        except FhirAway as away:
            raise CannotRun(f"the FHIR server takes nothing now: {away}") from away
