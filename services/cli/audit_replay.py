"""`daybook audit replay`: what was known at a moment, from events alone."""

import sys
from contextlib import AsyncExitStack
from datetime import date, datetime
from pathlib import Path

import click

from services.audit.replaying import AsKnown, replay_as_of
from services.cli.audit_running import could_not_run
from services.cli.running import (
    an_id,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.locate import locate
from services.settings import Settings
from services.tables import Sheet, console, show
from services.wiring import Wiring


def _instant(_context: click.Context, _option: click.Parameter, given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise click.BadParameter("an instant with its offset, as 2026-01-31T17:00:00Z")
    return moment


@click.command(name="replay")
@click.option("--as-of", callback=_instant, required=True, metavar="INSTANT")
@click.option("--account", "account_id", callback=an_id, help="Only this one's.")
@click.option("--effective-on", type=click.DateTime(["%Y-%m-%d"]), help="What counts by that day.")
@tenant_option
@data_dir_option
@json_option
def replay_command(
    as_of: datetime,
    account_id: str | None,
    effective_on: datetime | None,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Balances, invoices and the trial balance as they were known at an instant.

    From the events that were in order by then, and from nothing else: what is recorded later, of
    whatever date, changes nothing of the answer.
    """
    day = effective_on.date() if effective_on else None
    with could_not_run("replay"):
        known = run(_replay(settings_with(data_dir), tenant, as_of, account_id, day))
    if as_json:
        print_json(known)
    else:
        show(*_sheets(known))


async def _replay(
    settings: Settings, tenant: str, as_of: datetime, account_id: str | None, day: date | None
) -> AsKnown:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "audit", undo)
        pool = await wired.pool("daybook_auditor", 3)
        status = undo.enter_context(console(sys.stderr).status("replaying"))
        return await replay_as_of(
            pool,
            tenant,
            as_of,
            account_id=account_id,
            effective_on=day,
            on_events=lambda events: status.update(f"{events:,} events"),
        )


def _sheets(known: AsKnown) -> list[Sheet]:
    balances = Sheet(
        *("account", "currency", "receivable", "credit"),
        title=f"{known.tenant} as known at {known.as_of} (position {known.position})",
        right=("receivable", "credit"),
    )
    for each in known.balances:
        balances.add(each.account_id, each.currency, each.receivable, each.credit)
    invoices = Sheet(
        *("invoice", "number", "status", "issued", "currency", "total", "outstanding"),
        title="Invoices",
        right=("total", "outstanding"),
    )
    for invoice in known.invoices:
        issued = str(invoice.issued_on or "")
        cells = (invoice.invoice_id, invoice.number or "", invoice.status, issued)
        invoices.add(*cells, invoice.currency, invoice.total, invoice.outstanding)
    turnover = Sheet(
        *("GL account", "currency", "debit", "credit"),
        title="Trial balance",
        right=("debit", "credit"),
    )
    for row in known.trial_balance:
        turnover.add(row.gl_account, row.currency, row.debit, row.credit)
    return [balances, invoices, turnover]
