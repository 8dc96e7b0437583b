"""`daybook up`, `daybook serve` and `daybook migrate`: run Daybook."""

import asyncio
import signal
from pathlib import Path
from typing import Final, get_args

import asyncpg
import click

from services.cli.progress import Progress
from services.cli.running import data_dir_option, json_option, print_json, run, settings_with
from services.embedded.addresses import GivenAddresses
from services.embedded.stack import EmbeddedStack, StackOptions
from services.locate import locate
from services.logging import configure_logging
from services.processes import SERVE, serve
from services.reach import reaching_postgres
from services.settings import Settings
from services.tables import Sheet, show
from services.up import Auth, Ready, everything, table_of_addresses
from services.wiring import migrate


@click.command()
@data_dir_option
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port of the API.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing: a temporary data directory.")
@click.option(
    "--auth",
    type=click.Choice(get_args(Auth)),
    default="dev",
    show_default=True,
    help="Who may call the API: anybody on this machine, or bearers of a token (`daybook token`).",
)
@json_option
def up(data_dir: Path | None, port: int | None, ephemeral: bool, auth: Auth, as_json: bool) -> None:
    """Run everything on this machine until Ctrl-C: servers, our processes and the API."""
    configure_logging("up", level="warning")
    settings = settings_with(data_dir)
    run(_up(stack_options(settings, port=port, ephemeral=ephemeral), auth, as_json))


def stack_options(settings: Settings, *, port: int | None, ephemeral: bool) -> StackOptions:
    """A stack for people: the usual ports where they are free, the Temporal UI."""
    return StackOptions(
        data_dir=None if ephemeral else settings.data_dir.absolute(),
        temporal_ui=True,
        api_port=port,
        given=GivenAddresses(
            postgres_url=settings.postgres_url,
            nats_url=settings.nats_url,
            temporal_address=settings.temporal_address,
        ),
    )


async def _up(options: StackOptions, auth: Auth, as_json: bool) -> None:
    stopping = asyncio.Event()
    with Progress("Daybook", quiet=as_json) as progress:
        staying = asyncio.create_task(_stay(options, auth, stopping, progress, as_json))

        def stop() -> None:
            # While it starts there is nothing to wait for: what has started is stopped again.
            # A second signal changes nothing: everything is stopping, in order.
            if not stopping.is_set() and not progress.shown:
                staying.cancel()
            stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            await staying
        except asyncio.CancelledError:
            progress.say("stopped while starting")


async def _stay(
    options: StackOptions, auth: Auth, stopping: asyncio.Event, progress: Progress, as_json: bool
) -> None:
    # For programs what happens to a child is a line of the log.
    async with everything(options, None if as_json else progress.report, auth=auth) as stack:
        if as_json:
            metrics = stack.addresses.metrics
            named = dict(table_of_addresses(stack))
            print_json(Ready(ready=True, addresses=named, metrics=metrics))
        progress.show(_addresses(stack), _WARNINGS[auth])
        await stopping.wait()
        progress.say("stopping")


_WARNINGS: Final[dict[Auth, str]] = {
    "dev": "auth=dev: whoever reaches this machine's loopback is tenant demo with every scope. "
    "Never expose it. Ctrl-C stops everything.",
    "jwt": "auth=jwt: callers need a token; `daybook token --scope billing:read` makes one. "
    "Ctrl-C stops everything.",
}


def _addresses(stack: EmbeddedStack) -> Sheet:
    table = Sheet("", "address", title="Daybook is up", header=False)
    for name, address in table_of_addresses(stack):
        table.add(name, address)
    scraped = stack.addresses.metrics.items()
    table.add("Metrics", "\n".join(f"{url} {name}" for name, url in scraped))
    return table


@click.command(name="serve")
@click.argument("process", type=click.Choice(sorted(SERVE)))
@data_dir_option
def serve_command(process: str, data_dir: Path | None) -> None:
    """Run one process of ours: api, intake, relay, projector or worker."""
    settings = settings_with(data_dir)
    configure_logging(process, level=settings.log_level)
    run(serve(process, settings))


@click.command(name="migrate")
@data_dir_option
def migrate_command(data_dir: Path | None) -> None:
    """Bring the database up to this release."""
    configure_logging("migrate", level="warning")
    applied = run(_migrate(settings_with(data_dir)))
    show("\n".join(applied) if applied else "nothing to do: the database is current")


async def _migrate(settings: Settings) -> list[str]:
    url = locate(settings).postgres_url
    with reaching_postgres(url):
        connection = await asyncpg.connect(url)
    try:
        return await migrate(connection)
    finally:
        await connection.close()
