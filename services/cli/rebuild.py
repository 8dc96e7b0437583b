"""`daybook rebuild`: fill a read model again beside the live one, compare, switch."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from projections.builds import Build, builds, live_build
from projections.builds import resume as resume_halted
from projections.follow import FenceLost, Halted, LogIncomplete
from projections.projection import REGISTRY
from projections.rebuild import Comparison, NotSwitched, Rebuilt
from relay.lease import LeaseLost
from services.cli.running import data_dir_option, json_option, print_json, run, settings_with
from services.locate import locate
from services.logging import configure_logging
from services.projector.rebuilding import NothingToRollBackTo, rebuild_projection, roll_back
from services.settings import Settings
from services.tables import Sheet, console, show
from services.wiring import Wiring

_names = click.Choice([projection.name for projection in REGISTRY])
_FAILED = (FenceLost, Halted, LeaseLost, LogIncomplete, NothingToRollBackTo, NotSwitched)


class Stood(msgspec.Struct, frozen=True, kw_only=True):
    """Where the live build stood before, and where the log ends."""

    live: Build | None
    head: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What `daybook rebuild --json` prints."""

    comparison: Comparison
    shown: bool
    checkpoint: int
    halted_position: int | None
    """Where the live build was halted; whatever is compared and shown ends before that."""
    head: int
    """The last position of the log when this began."""


@click.command()
@click.argument("name", type=_names)
@click.option("--yes", is_flag=True, help="Show it even when it differs, without asking.")
@click.option("--rollback", is_flag=True, help="Bring the build before up to date and show it.")
@click.option("--resume", is_flag=True, help="Have a halted read model try its event again.")
@data_dir_option
@json_option
def rebuild(
    name: str, yes: bool, rollback: bool, resume: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Fill a read model again from the log beside the live one, report differences, switch.

    Readers see the old one until the switch, which is one transaction; it is kept for --rollback.
    One that differs is shown only with --yes or, on a terminal, when you say so: exit code 1
    otherwise.
    """
    configure_logging("rebuild", level="error")
    if resume and (rollback or yes):
        raise click.UsageError("--resume rebuilds nothing: give neither --rollback nor --yes")
    settings = settings_with(data_dir)
    if resume:
        _tell_resumed(name, run(_resume(settings, name)), as_json)
        return
    asks = sys.stdin.isatty() and not as_json
    stood, rebuilt = run(_rebuild(settings, name, yes=yes, asks=asks, rollback=rollback))
    if as_json:
        print_json(_told(stood, rebuilt))
    else:
        _show(rebuilt.comparison)
    _tell(name, stood, rebuilt, as_json)
    if not rebuilt.shown:
        raise SystemExit(1)


def _tell_resumed(name: str, resumed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "resumed": resumed})
    elif resumed:
        click.echo(f"{name} resumed")
    if not resumed:
        raise click.ClickException(f"{name} is not halted: there is nothing to resume")


def _told(stood: Stood, rebuilt: Rebuilt) -> Told:
    return Told(
        comparison=rebuilt.comparison,
        shown=rebuilt.shown,
        checkpoint=rebuilt.checkpoint,
        halted_position=stood.live.halted_position if stood.live else None,
        head=stood.head,
    )


def _tell(name: str, stood: Stood, rebuilt: Rebuilt, as_json: bool) -> None:
    """What came of it; on standard error where standard output is for a program."""
    build = rebuilt.comparison.build
    if rebuilt.shown:
        click.echo(f"{name} shows build {build} at position {rebuilt.checkpoint}", err=as_json)
    else:
        click.echo(
            f"{name} is left as it was; build {build} is kept: --yes shows it in spite of the "
            "differences",
            err=True,
        )
    live = stood.live
    if live is not None and live.status == "halted":
        goes_on = "the projector goes on from there" if rebuilt.shown else "it still is"
        click.echo(
            f"{name} was halted at position {live.halted_position} ({live.error}), behind the "
            f"head of the log, {stood.head}: compared up to {rebuilt.comparison.position}, "
            f"{goes_on}",
            err=True,
        )


async def _resume(settings: Settings, name: str) -> bool:
    async with AsyncExitStack() as undo:
        pool = await _pool(settings, undo)
        async with pool.acquire() as connection:
            return await resume_halted(connection, name)


async def _stood(pool: asyncpg.Pool, name: str) -> Stood:
    async with pool.acquire() as connection:
        head: int = await connection.fetchval("SELECT position FROM log_head")
        return Stood(live=live_build(await builds(connection), name), head=head)


async def _pool(settings: Settings, undo: AsyncExitStack) -> asyncpg.Pool:
    wired = Wiring(settings, locate(settings), "cli", undo)
    return await wired.pool("daybook_projector", 6)


async def _rebuild(
    settings: Settings, name: str, *, yes: bool, asks: bool, rollback: bool
) -> tuple[Stood, Rebuilt]:
    async def approve(comparison: Comparison) -> bool:
        if not comparison.differences or yes:
            return True
        if not asks:
            return False
        _show(comparison)
        return click.confirm("They differ. The log is right: show the rebuilt one?")

    async with AsyncExitStack() as undo:
        pool = await _pool(settings, undo)
        bar = undo.enter_context(_bar())
        task = bar.add_task(name, total=None)

        def progress(checkpoint: int, until: int) -> None:
            bar.update(task, completed=checkpoint, total=until)

        work = roll_back if rollback else rebuild_projection
        stood = await _stood(pool, name)
        try:
            rebuilt = await work(
                pool,
                name,
                owner="cli",
                lease_seconds=settings.lease_seconds,
                approve=approve,
                progress=progress,
            )
        except _FAILED as failed:
            raise click.ClickException(str(failed)) from None
    return stood, rebuilt


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        transient=True,
    )


def _show(comparison: Comparison) -> None:
    show(
        f"{comparison.name}: {comparison.sums} sums compared at position {comparison.position}, "
        f"{len(comparison.differences)} differ"
    )
    if comparison.differences:
        columns = ("tenant", "currency", "measure", "live", "rebuilt")
        table = Sheet(*columns, folds=("measure",), right=("live", "rebuilt"))
        for difference in comparison.differences:
            table.add(*(str(value) for value in msgspec.structs.astuple(difference)))
        show(table)
