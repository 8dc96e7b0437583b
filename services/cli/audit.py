"""`daybook audit`: recompute everything from the stored bytes and compare; evidence and exports."""

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from relay.retained import open_retained
from services.audit.checker import Refused, parse_key
from services.audit.checkpoints import Kept
from services.audit.report import Progress as Done
from services.audit.report import Report
from services.audit.verify import verify
from services.cli.audit_evidence import check_offline, prove_command
from services.cli.audit_export import export_command
from services.cli.audit_replay import replay_command
from services.cli.audit_running import COULD_NOT_RUN, could_not_run
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
)
from services.locate import locate
from services.logging import configure_logging
from services.reach import BUS_SECONDS_MAX
from services.settings import Settings
from services.tables import console, show
from services.wiring import Wiring

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """Check the ledger against its own events, prove what is in it, bring it elsewhere.

    Exits 0 when all is well, 1 with findings, 2 when it could not run.
    """
    configure_logging("audit", level="error")


audit.add_command(prove_command)
audit.add_command(export_command)
audit.add_command(replay_command)


@audit.command(name="verify")
@click.option("--since", type=click.IntRange(min=1), default=1, help="First position to verify.")
@click.option("--deep", is_flag=True, help="And all that follows from the log.")
@click.option(
    "--checkpoint", type=_FILE, help="One that you kept elsewhere: the log must go on from it."
)
@click.option(
    "--key", "keys", multiple=True, help="A public key that may have signed; can be repeated."
)
@click.option("--bundle", type=_FILE, help="Check this evidence instead; needs no stack.")
@click.option("--no-stream", is_flag=True, help="Leave JetStream out, where it cannot be reached.")
@data_dir_option
@json_option
def verify_command(
    since: int,
    deep: bool,
    checkpoint: Path | None,
    keys: Sequence[str],
    bundle: Path | None,
    no_stream: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Positions, leaves, tree, signed checkpoints, and that every event has its place.

    With --deep also versions, balances, write-side state, read models and the stream. That keeps
    every account in memory: about 0.3 KB each and as much for each open item, so a million accounts
    with three open items take 1.3 GB. With --since beyond 1 no account is kept.
    """
    with could_not_run("verify"):
        try:
            kept = Kept(
                tuple(parse_key(key) for key in keys),
                checkpoint.read_bytes() if checkpoint else None,
            )
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
        if bundle is not None:
            check_offline(bundle, kept, as_json)
        settings = settings_with(data_dir)
        report = run(_verify(settings, since, kept, deep=deep, with_stream=not no_stream))
    if as_json:
        print_json(report)
    else:
        show(report.as_table())
    sys.exit(0 if report.is_well else 1)


async def _verify(
    settings: Settings, since: int, kept: Kept, *, deep: bool, with_stream: bool
) -> Report:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "audit", undo)
        pool = await wired.pool("daybook_auditor", 3)
        bar = undo.enter_context(_bar())
        task = bar.add_task("verifying", total=None, rate="")

        def show(done: Done) -> None:
            rate = f"{done.events_per_second:,.0f} events/s"
            bar.update(task, completed=done.events, total=done.total, rate=rate)

        stream = None
        if deep and with_stream:
            client = await wired.bus("audit", seconds_max=BUS_SECONDS_MAX)
            stream = await undo.enter_async_context(open_retained(client, wired.streams))
        return await verify(pool, since=since, deep=deep, stream=stream, kept=kept, report=show)


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


__all__ = ["COULD_NOT_RUN", "audit"]
