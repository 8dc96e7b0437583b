"""`daybook keys`: the key that checkpoints and evidence are signed with."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from services.audit.signing import FILE, SigningKey, find_seed, make_seed
from services.cli.running import data_dir_option, json_option, print_json, run, settings_with
from services.locate import locate
from services.logging import configure_logging
from services.settings import Settings
from services.wiring import Wiring


@click.group()
def keys() -> None:
    """The key that checkpoints of the log and evidence are signed with."""
    configure_logging("cli", level="warning")


@keys.command()
@data_dir_option
def init(data_dir: Path | None) -> None:
    """Make the signing key, once: one that is there stays.

    It lies in the data directory, readable by its owner alone. Back it up where the database's
    backups are not: who has both can sign a changed ledger. Processes elsewhere are given it as
    DAYBOOK_SIGNING_KEY.
    """
    settings = settings_with(data_dir)
    path = settings.data_dir / FILE
    if settings.signing_key:
        click.echo("DAYBOOK_SIGNING_KEY is set: it is the key")
    elif make_seed(settings.data_dir):
        click.echo(f"{path} was made")
    else:
        click.echo(f"{path} is there already")


@keys.command()
@data_dir_option
@json_option
def show(data_dir: Path | None, as_json: bool) -> None:
    """The public key, for auditors: what checkpoints and bundles are checked with."""
    settings = settings_with(data_dir)
    seed = find_seed(settings)
    if seed is None:
        raise click.ClickException("there is no signing key: `daybook keys init` makes one")
    text = SigningKey(seed, run(_log_id(settings))).public.text
    if as_json:
        print_json({"key": text})
    else:
        click.echo(text)


async def _log_id(settings: Settings) -> str:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_auditor", 1)
        return str(await pool.fetchval("SELECT log_id FROM daybook.log_head"))
