"""`daybook statement`: runs of statements, started, looked at, and ended before their time."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click

from contracts.ids import RunId, StreamId, split_event_id
from contracts.statement import DeliveryChannel
from contracts.statement_run_views import StatementFailure, StatementRunDetail, StatementRunPage
from domain import naming
from domain.statement import FailStatementRun, StartStatementRun
from projections.statement_runs_queries import find_statement_runs
from services.cannot_run import CannotRun
from services.cli.running import (
    a_text,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.execute.envelope import Envelope, Outcome, Refused
from services.logging import configure_logging
from services.settings import Settings
from services.statements.runs import find_failures, find_run_detail, keeps_accounts
from services.tables import Sheet, show
from services.tenant_view import tenant_view
from services.wiring import reading, writing

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_RUN: Final = re.compile(r"run_[0-9a-z]{26}-[1-9][0-9]{0,17}")
_CHANNELS: Final = click.Choice([each.value for each in DeliveryChannel])
FAILURES_SHOWN_MAX: Final = 100


def a_run(_context: click.Context, _argument: click.Parameter, run_id: str) -> str:
    """Refuse what can be no run, for click."""
    if not _RUN.fullmatch(run_id):
        raise click.BadParameter(f"{run_id!r} is no run: `daybook statement list` has them")
    return run_id


@click.group()
def statement() -> None:
    """Runs of statements: everybody's statement as of a day."""
    configure_logging("cli", level="warning")


@statement.command(name="run")
@click.option("--facility", default=None, help="Only its accounts.  [default: those of all]")
@click.option("--as-of", "as_of", type=_DAY, required=True, help="Last posting date.")
@click.option(
    "--deliver", "channels", type=_CHANNELS, multiple=True, help="How they may be delivered."
)
@tenant_option
@data_dir_option
@json_option
def run_command(
    facility: str | None,
    as_of: datetime,
    channels: tuple[str, ...],
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Start a run; without --deliver statements are made and kept alone."""
    command = _start(tenant, facility, as_of.date(), channels)
    outcome = run(_begin(settings_with(data_dir), tenant, command))
    if isinstance(outcome, Refused):
        raise click.ClickException(outcome.detail)
    if as_json:
        print_json({"run_id": outcome.token})
    else:
        click.echo(f"{outcome.token} is running: `daybook statement show` tells how far it is")


@statement.command(name="list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", default=None, help="Of the page before.")
@tenant_option
@data_dir_option
@json_option
def list_command(
    limit: int, cursor: str | None, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """Runs, the latest first."""
    page = run(_list(settings_with(data_dir), tenant, limit, cursor))
    if as_json:
        print_json(page)
        return
    sheet = Sheet("run", "facility", "as of", "status", "accounts", "failed")
    for each in page.items:
        total, failed = each.total, each.failed
        facility = each.facility or "all"
        sheet.add(
            each.run_id,
            facility,
            str(each.as_of_date),
            each.status.value,
            "" if total is None else f"{total:,}",
            "" if failed is None else f"{failed:,}",
        )
    show(sheet if page.items else "there is no run of statements")
    if page.cursor:
        click.echo(f"more: --cursor {page.cursor}", err=True)


@statement.command(name="show")
@click.argument("run_id", callback=a_run)
@tenant_option
@data_dir_option
@json_option
def show_command(run_id: str, tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """How far a run is, and who got nothing and why."""
    found, failures = run(_show(settings_with(data_dir), tenant, run_id))
    if as_json:
        print_json({"run": found, "failures": failures})
        return
    sheet = Sheet("", "what", header=False, title=run_id, folds=("what",))
    for name, value in _facts(found):
        sheet.add(name, value)
    lines = [f"{each.account_id}: {each.code}: {each.detail}" for each in failures]
    show(sheet, *lines)


@statement.command(name="cancel")
@click.argument("run_id", callback=a_run)
@click.option("--reason", default="an operator ended the run", callback=a_text)
@tenant_option
@data_dir_option
def cancel_command(run_id: str, reason: str, tenant: str, data_dir: Path | None) -> None:
    """End a run that is not to go on; what is delivered stays so, and another may be started."""
    stream_id, _ = split_event_id(run_id)
    command = FailStatementRun(
        stream_id=StreamId(stream_id), run_id=RunId(run_id), code="CANCELLED", detail=reason
    )
    outcome = run(_execute(settings_with(data_dir), tenant, command))
    if isinstance(outcome, Refused):
        raise click.ClickException(outcome.detail)
    click.echo(f"{run_id} has ended")


def _start(
    tenant: str, facility: str | None, as_of: date, channels: tuple[str, ...]
) -> StartStatementRun:
    return StartStatementRun(
        stream_id=naming.statement_runs_id(tenant, as_of.isoformat()),
        facility=facility,
        first_on=as_of.replace(day=1),
        as_of=as_of,
        channels=tuple(DeliveryChannel(each) for each in dict.fromkeys(channels)),
    )


def _facts(found: StatementRunDetail) -> list[tuple[str, str]]:
    total = "not counted yet" if found.total is None else f"{found.total:,}"
    facts = [
        ("status", found.status.value),
        ("facility", found.facility or "all"),
        ("period", f"{found.first_on} to {found.as_of_date}"),
        ("done", f"{found.done:,} of {total}"),
        ("delivered", f"{found.delivered or 0:,}"),
        ("made alone", f"{found.made or 0:,}"),
        ("skipped", f"{found.skipped or 0:,}"),
        ("failed", f"{found.failed or 0:,}"),
    ]
    return [*facts, ("why", f"{found.code}: {found.detail}")] if found.code else facts


async def _begin(settings: Settings, tenant: str, command: StartStatementRun) -> Outcome:
    if command.facility is not None:
        async with reading(settings) as pool, tenant_view(pool, tenant) as connection:
            if not await keeps_accounts(connection, tenant, command.facility):
                raise CannotRun(f"facility {command.facility} keeps no account")
    return await _execute(settings, tenant, command)


async def _execute(settings: Settings, tenant: str, command: Any) -> Outcome:
    async with writing(settings) as wired:
        return await wired.executor.execute(
            Envelope(tenant=tenant, command=command, actor="cli", correlation_id=command.stream_id)
        )


async def _list(
    settings: Settings, tenant: str, limit: int, cursor: str | None
) -> StatementRunPage:
    async with reading(settings) as pool, tenant_view(pool, tenant) as connection:
        return await find_statement_runs(connection, cursor=cursor, limit=limit)


async def _show(
    settings: Settings, tenant: str, run_id: str
) -> tuple[StatementRunDetail, tuple[StatementFailure, ...]]:
    async with reading(settings) as pool, tenant_view(pool, tenant) as connection:
        found = await find_run_detail(connection, tenant, run_id)
        if found is None:
            raise CannotRun(f"tenant {tenant} has no run {run_id}")
        failures = await find_failures(connection, tenant, run_id, limit=FAILURES_SHOWN_MAX)
    return found, failures.items
