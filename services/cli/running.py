"""What every command needs: settings, a loop to run in, and refusals that read well."""

import os
import re
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import click
import msgspec
import uvloop

from relay.connection import ServerTooOld
from relay.producer import NotStored
from services.cannot_run import CannotRun
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import TENANT
from services.objects import ObjectFailure
from services.query import ProblemAnswered
from services.reach import Unreachable
from services.settings import DEFAULT_DATA_DIR, Settings

TEXT_MAX: Final = 2_000
ID: Final = re.compile(r"[a-z]+_[0-9a-z]{1,64}")

Answer = TypeVar("Answer")
_EXPECTED = (
    CannotRun,
    LedgerUnavailable,
    NotStored,
    ObjectFailure,
    ProblemAnswered,
    ServerTooOld,
)
# What Postgres says that goes away in the middle of a command.
_ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)
_HOW_TO_START = (
    "start a stack with `daybook up`, or see that DAYBOOK_POSTGRES_URL, DAYBOOK_NATS_URL and "
    "DAYBOOK_TEMPORAL_ADDRESS, where they are set, name servers that run"
)

data_dir_option: Callable[[Any], Any] = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help=f"Where the stack keeps its data.  [default: {DEFAULT_DATA_DIR}/, or DAYBOOK_DATA_DIR]",
)
json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for programs."
)


def a_tenant(_context: click.Context, _option: click.Parameter, tenant: str | None) -> str | None:
    """Refuse what can be no tenant's name, for click."""
    if tenant is not None and not TENANT.fullmatch(tenant):
        raise click.BadParameter(f"a tenant is named like {TENANT.pattern}, not {tenant!r}")
    return tenant


def a_text(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """Refuse what no terminal shows and no column stores, for click."""
    if not text.strip() or not text.isprintable() or len(text) > TEXT_MAX:
        raise click.BadParameter(
            f"one line of text, without control characters, of at most {TEXT_MAX} characters"
        )
    return text


def an_id(_context: click.Context, _argument: click.Parameter, id_: str | None) -> str | None:
    """Refuse what can be no id, for click; whether there is such a thing the ledger knows."""
    if id_ is not None and not ID.fullmatch(id_):
        raise click.BadParameter(
            f"{id_!r} is no id: a list has them, like rej_05gf... or enc_05gf..."
        )
    return id_


tenant_option: Callable[[Any], Any] = click.option(
    "--tenant", default="demo", show_default=True, callback=a_tenant, help="Whose ledger."
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
    except Unreachable as away:
        raise click.ClickException(f"{away}: {_HOW_TO_START}") from None
    except _ENDED as broken:
        reason = str(broken) or type(broken).__name__
        raise click.ClickException(f"Postgres went away meanwhile ({reason}): try again") from None
    except OSError as failed:
        where = f"{failed.filename}: " if failed.filename else ""
        raise click.ClickException(f"{where}{failed.strerror or failed}") from None


def print_json(content: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(msgspec.json.encode(content).decode() + os.linesep)
    sys.stdout.flush()
