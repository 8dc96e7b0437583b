"""`daybook audit`: recompute everything from the stored bytes and compare."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from relay.retained import open_retained
from services.audit.report import Progress as Done
from services.audit.report import Report
from services.audit.verify import CannotVerify, verify
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
)
from services.locate import NothingRunning, locate
from services.logging import configure_logging
from services.reach import BUS_SECONDS_MAX
from services.settings import Settings
from services.tables import console, show
from services.wiring import Wiring

COULD_NOT_RUN = 2


@click.group()
def audit() -> None:
    """Check the ledger against its own events.

    Exits 0 when all is well, 1 with findings, 2 when it could not run.
    """
    configure_logging("audit", level="error")


@audit.command(name="verify")
@click.option("--since", type=click.IntRange(min=1), default=1, help="First position to verify.")
@click.option("--no-stream", is_flag=True, help="Leave JetStream out, where it cannot be reached.")
@data_dir_option
@json_option
def verify_command(since: int, no_stream: bool, data_dir: Path | None, as_json: bool) -> None:
    """Positions, leaves, versions, balances, write-side state, read models and the stream.

    Reads the log once and keeps every account in memory: about 0.3 KB each and as much for each
    open item, so a million accounts with three open items take 1.3 GB. With --since beyond 1 no
    account is kept.
    """
    try:
        report = run(_verify(settings_with(data_dir), since, with_stream=not no_stream))
    except (CannotVerify, NothingRunning, OSError, asyncpg.PostgresError) as failed:
        click.echo(f"could not verify: {failed}", err=True)
        sys.exit(COULD_NOT_RUN)
    except click.ClickException as failed:
        failed.show()
        sys.exit(COULD_NOT_RUN)
    if as_json:
        print_json(report)
    else:
        show(report.as_table())
    sys.exit(0 if report.is_well else 1)


async def _verify(settings: Settings, since: int, *, with_stream: bool) -> Report:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "audit", undo)
        pool = await wired.pool("daybook_auditor", 3)
        bar = undo.enter_context(_bar())
        task = bar.add_task("verifying", total=None, rate="")

        def show(done: Done) -> None:
            rate = f"{done.events_per_second:,.0f} events/s"
            bar.update(task, completed=done.events, total=done.total, rate=rate)

        stream = None
        if with_stream:
            client = await wired.bus("audit", seconds_max=BUS_SECONDS_MAX)
            stream = await undo.enter_async_context(open_retained(client, wired.streams))
        return await verify(pool, since=since, stream=stream, report=show)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} events, {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
