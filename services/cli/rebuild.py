"""`daybook rebuild`: fill a read model again beside the live one, compare, switch."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from projections.builds import resume as resume_halted
from projections.follow import Halted
from projections.projection import REGISTRY
from projections.rebuild import Comparison, NotSwitched, Rebuilt
from services.cli.running import data_dir_option, json_option, print_json, run, settings_with
from services.locate import locate
from services.logging import configure_logging
from services.projector.rebuilding import NothingToRollBackTo, rebuild_projection, roll_back
from services.settings import Settings
from services.tables import Sheet, console, show
from services.wiring import Wiring

_names = click.Choice([projection.name for projection in REGISTRY])


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
    """
    configure_logging("rebuild", level="error")
    settings = settings_with(data_dir)
    if resume:
        click.echo("resumed" if run(_resume(settings, name)) else f"{name} is not halted")
        return
    rebuilt = run(_rebuild(settings, name, yes=yes or as_json, rollback=rollback))
    if as_json:
        print_json(rebuilt)
    else:
        _show(rebuilt.comparison)
        click.echo(
            f"{name} shows build {rebuilt.comparison.build} at position {rebuilt.checkpoint}"
            if rebuilt.shown
            else f"{name} is left as it was; build {rebuilt.comparison.build} is kept"
        )
    if not rebuilt.shown:
        raise SystemExit(1)


async def _resume(settings: Settings, name: str) -> bool:
    async with AsyncExitStack() as undo:
        pool = await _pool(settings, undo)
        async with pool.acquire() as connection:
            return await resume_halted(connection, name)


async def _pool(settings: Settings, undo: AsyncExitStack) -> asyncpg.Pool:
    wired = Wiring(settings, locate(settings), "cli", undo)
    return await wired.pool("daybook_projector", 6)


async def _rebuild(settings: Settings, name: str, *, yes: bool, rollback: bool) -> Rebuilt:
    async def approve(comparison: Comparison) -> bool:
        if not comparison.differences or yes:
            return True
        _show(comparison)
        return click.confirm("They differ. The log is right: show the rebuilt one?")

    async with AsyncExitStack() as undo:
        pool = await _pool(settings, undo)
        bar = undo.enter_context(_bar())
        task = bar.add_task(name, total=None)

        def progress(checkpoint: int, until: int) -> None:
            bar.update(task, completed=checkpoint, total=until)

        work = roll_back if rollback else rebuild_projection
        try:
            return await work(
                pool,
                name,
                owner="cli",
                lease_seconds=settings.lease_seconds,
                approve=approve,
                progress=progress,
            )
        except (Halted, NotSwitched, NothingToRollBackTo) as failed:
            raise click.ClickException(str(failed)) from None


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
