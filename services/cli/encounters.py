"""`daybook encounter`: encounters that need attention, and resuming them."""

from pathlib import Path

import click
import msgspec

from contracts.ids import EncounterId
from domain.encounter import AttentionRequired, ResumeEncounter
from services.cli.lists import after_option, limit_option, show_list
from services.cli.running import (
    an_id,
    data_dir_option,
    json_option,
    run,
    settings_with,
    tenant_option,
)
from services.execute.envelope import Envelope, Outcome, Refused
from services.execute.load import decode_state
from services.listed import Listed, listed
from services.logging import configure_logging
from services.settings import Settings
from services.tables import Sheet
from services.wiring import writing

_PARKED = (
    "SELECT stream_id, state, count(*) OVER () AS found FROM stream_heads"
    " WHERE tenant = $1 AND stream_id LIKE 'enc\\_%'"
    " AND convert_from(state, 'UTF8') LIKE '{\"type\":\"attention_required\"%'"
    " AND ($2::text IS NULL OR stream_id > $2) ORDER BY stream_id LIMIT $3"
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
@limit_option
@after_option
@tenant_option
@data_dir_option
@json_option
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
    async with (
        writing(settings) as wired,
        wired.pool.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
        rows = await connection.fetch(_PARKED, tenant, after, limit)
    states = [(row["stream_id"], decode_state(row["stream_id"], row["state"])) for row in rows]
    items = [
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
    return listed(items, [stream_id for stream_id, _ in states], rows[0]["found"] if rows else 0)


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
