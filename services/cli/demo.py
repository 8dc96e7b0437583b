"""`daybook demo`: set everything up, do the main job, show it, check it, stop everything."""

import asyncio
import os
import signal
import time
from typing import Final

import click
import msgspec

from services import demo as main_job
from services.cli.progress import Progress
from services.cli.running import json_option, print_json, run
from services.demo import DidNotCatchUp, Shown
from services.embedded.stack import StackOptions
from services.logging import configure_logging
from services.query import ProblemAnswered
from services.tables import Sheet, show
from services.up import everything

_OURS: Final = "DAYBOOK_"
# Not the usual ports: another stack may start on this machine at the same time.
_OPTIONS: Final = StackOptions(data_dir=None, temporal_ui=True, usual_ports=False)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of `daybook demo --json`."""

    charges: int
    events: int
    published: int
    projected: int
    rejected: int
    encounters_parked: int
    trial_balance_minor: dict[str, int]
    verified_through: int
    findings: int
    work_seconds: float
    seconds: float


@click.command()
@click.option(
    "--patients",
    type=click.IntRange(1, 100_000),
    default=400,
    show_default=True,
    help="How long the day is.",
)
@json_option
def demo(patients: int, as_json: bool) -> None:
    """Show the main job: a clinic's day from the bus to a ledger that adds up. Keeps nothing."""
    configure_logging("demo", level="warning")
    if not run(_demo(patients, as_json)):
        raise SystemExit(1)


async def _demo(patients: int, as_json: bool) -> bool:
    begun = time.perf_counter()
    working = asyncio.current_task()
    if working is not None:
        # Interrupted anywhere, everything that was started is stopped in order.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    # Whatever servers and names the environment gives, its ledger is not for playing.
    environment = {name: os.environ[name] for name in os.environ if not name.startswith(_OURS)}
    if ignored := sorted(os.environ.keys() - environment.keys()):
        click.echo(f"the demo runs on servers of its own: ignoring {', '.join(ignored)}", err=True)
    with Progress("Daybook demo", quiet=as_json) as progress:
        try:
            report = None if as_json else progress.report
            async with everything(_OPTIONS, report, environment) as stack:
                shown = await main_job.show(stack.addresses, patients=patients, tell=progress.say)
                if not as_json:
                    progress.show()
                    _print(shown)
                progress.say("stopping")
        except (DidNotCatchUp, ProblemAnswered) as failed:
            raise click.ClickException(str(failed)) from None
        except asyncio.CancelledError:
            raise click.ClickException("interrupted; everything is stopped") from None
    summary = _summary(shown, time.perf_counter() - begun)
    if as_json:
        print_json(summary)
    else:
        click.echo(f"done in {summary.seconds:.1f} s; nothing is left running")
    return summary.findings == 0 and not any(summary.trial_balance_minor.values())


def _summary(shown: Shown, seconds: float) -> Summary:
    totals: dict[str, int] = {}
    for row in shown.trial_balance["rows"]:
        minor = int(row["balance"].replace(".", ""))
        totals[row["currency"]] = totals.get(row["currency"], 0) + minor
    status = shown.status
    return Summary(
        charges=status.charges,
        events=status.events,
        published=status.published,
        projected=status.projected,
        rejected=status.rejected,
        encounters_parked=status.encounters_parked,
        trial_balance_minor=totals,
        verified_through=shown.audit.verified_through,
        findings=len(shown.audit.findings),
        work_seconds=round(shown.work_seconds, 2),
        seconds=round(seconds, 2),
    )


def _print(shown: Shown) -> None:
    show(_account(shown), _ledger(shown), _trial_balance(shown), _work(shown))
    audit = shown.audit
    verdict = "nothing wrong" if not audit.findings else f"{len(audit.findings)} FINDINGS"
    show(
        f"Audit: every event, leaf, balance, read model and message through "
        f"{audit.verified_through} verified, {verdict}.",
        *(f"  {finding}" for finding in audit.findings),
    )


def _account(shown: Shown) -> Sheet:
    account = shown.account
    table = Sheet("", "value", title="An account of the day", header=False)
    table.add("account", account["account_id"])
    table.add("patient", f"{account['name']} ({account['patient_id']})")
    table.add("facility", account["facility"])
    for name in ("charged", "adjusted", "paid", "balance"):
        table.add(name, _money(account[name]))
    return table


def _ledger(shown: Shown) -> Sheet:
    table = Sheet(
        *("position", "event", "account", "amount", "balance"),
        title="Its ledger",
        folds=("event", "account"),
        right=("position", "amount", "balance"),
    )
    for line in shown.ledger:
        table.add(
            str(line["position"]),
            line["type"],
            line["name"],
            _money(line["amount"]),
            _money(line["balance"]),
        )
    return table


def _trial_balance(shown: Shown) -> Sheet:
    columns = ("gl_account", "name", "currency", "debit", "credit", "balance")
    table = Sheet(
        *("account", *columns[1:]),
        title="Trial balance",
        folds=("name",),
        right=("debit", "credit", "balance"),
    )
    for row in shown.trial_balance["rows"]:
        table.add(*(row[name] for name in columns))
    return table


def _work(shown: Shown) -> Sheet:
    status, lags = shown.status, shown.lags
    rate = status.events / shown.work_seconds
    table = Sheet("", "value", title="The work", header=False, folds=("value",))
    table.add("messages sent", f"{shown.messages}")
    table.add("charges, events", f"{status.charges}, {status.events}")
    table.add("throughput", f"{rate:,.0f} events/s over {shown.work_seconds:.1f} s")
    table.add("log to stream", _lag(lags.published_p50, lags.published_max))
    table.add("log to read models", _lag(lags.projected_p50, lags.projected_max))
    table.add("rejected, to be mended", f"{status.rejected} messages")
    table.add("parked, to be mended", f"{status.encounters_parked} encounter")
    return table


def _money(money: dict[str, str]) -> str:
    return f"{money['amount']} {money['currency']}"


def _lag(median: float, longest: float) -> str:
    return f"{median:.2f} s (median), {longest:.2f} s (longest)"
