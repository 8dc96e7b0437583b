"""What every command needs: settings, a loop to run in, and refusals that read well."""

import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import uvloop

from services.embedded.child import ChildNotReady
from services.embedded.lock import AlreadyRunning
from services.embedded.ports import NoFreePort
from services.execute.attempt import LedgerUnavailable
from services.locate import NothingRunning
from services.settings import DEFAULT_DATA_DIR, Settings

Answer = TypeVar("Answer")
_EXPECTED = (AlreadyRunning, ChildNotReady, LedgerUnavailable, NoFreePort, NothingRunning)

data_dir_option: Callable[[Any], Any] = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help=f"Where the stack keeps its data.  [default: {DEFAULT_DATA_DIR}/, or DAYBOOK_DATA_DIR]",
)
json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for programs."
)
tenant_option: Callable[[Any], Any] = click.option(
    "--tenant", default="demo", show_default=True, help="Whose ledger."
)


def settings_with(data_dir: Path | None = None) -> Settings:
    """The settings of the environment, with the data directory of the command line."""
    try:
        settings = Settings.from_environment()
    except ValueError as invalid:
        raise click.ClickException(str(invalid)) from None
    if data_dir is not None:
        settings = msgspec.structs.replace(settings, data_dir=data_dir)
    return settings


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end; what an operator can do something about ends as one clear line."""
    try:
        return uvloop.run(work)
    except _EXPECTED as refused:
        raise click.ClickException(str(refused)) from None


def print_json(content: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(msgspec.json.encode(content).decode() + os.linesep)
    sys.stdout.flush()
