"""`daybook encounter`: encounters that need attention, and resuming them."""

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from contracts.ids import EncounterId
from domain.encounter import AttentionRequired, ResumeEncounter
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.execute.envelope import Envelope, Outcome, Refused
from services.execute.load import decode_state
from services.logging import configure_logging
from services.settings import Settings
from services.wiring import writing

_PARKED = (
    "SELECT stream_id, state FROM stream_heads WHERE tenant = $1 AND stream_id LIKE 'enc\\_%'"
    " AND convert_from(state, 'UTF8') LIKE '{\"type\":\"attention_required\"%' ORDER BY stream_id"
)


class ParkedEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """An encounter that waits for somebody, and why."""

    encounter_id: str
    problems: list[str]


@click.group()
def encounter() -> None:
    """Encounters that could not be charged in full."""
    configure_logging("cli", level="warning")


@encounter.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_parked(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """Encounters that need attention, with what to mend."""
    parked = run(_list(settings_with(data_dir), tenant))
    if as_json:
        print_json(parked)
        return
    table = Table("encounter", "what is wrong")
    for found in parked:
        table.add_row(found.encounter_id, "\n".join(found.problems))
    Console().print(table if parked else "no encounter needs attention")


async def _list(settings: Settings, tenant: str) -> list[ParkedEncounter]:
    async with (
        writing(settings) as wired,
        wired.pool.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
        rows = await connection.fetch(_PARKED, tenant)
    states = [(row["stream_id"], decode_state(row["stream_id"], row["state"])) for row in rows]
    return [
        ParkedEncounter(
            encounter_id=stream_id,
            problems=[
                f"service {problem.line}: {problem.code}: {problem.detail}"
                for problem in state.problems
            ],
        )
        for stream_id, state in states
        if isinstance(state, AttentionRequired)
    ]


@encounter.command()
@click.argument("encounter_id")
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
