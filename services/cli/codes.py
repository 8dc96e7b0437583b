"""`daybook codes`: the code systems that charges are checked against."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from contracts.inbound import CodeSystem
from services.cli.over_pool import run_over_pool
from services.cli.running import (
    a_text,
    data_dir_option,
    json_option,
    print_json,
    tenant_option,
)
from services.code_systems import (
    CodesUnreadable,
    list_systems,
    load_codes,
    read_codes,
    remove_system,
)
from services.logging import configure_logging
from services.tables import Sheet, show


def _a_system(_context: click.Context, _option: click.Parameter, system: str) -> str:
    """Refuse what can be no code system of a charge, for click."""
    try:
        return msgspec.convert(system, CodeSystem)
    except msgspec.ValidationError:
        raise click.BadParameter(
            f"the system as charges name it, a URI without spaces, not {system!r}"
        ) from None


system_option: Callable[[Any], Any] = click.option(
    "--system",
    required=True,
    callback=_a_system,
    help="The URI that charges name; `URI#modifiers` has the modifiers of its codes.",
)
version_option: Callable[[Any], Any] = click.option("--version", required=True, callback=a_text)


@click.group()
def codes() -> None:
    """Code systems that charges are checked against; codes of others are taken as they are."""
    configure_logging("cli", level="warning")


@codes.command()
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@system_option
@version_option
@tenant_option
@data_dir_option
def load(file: TextIO, system: str, version: str, tenant: str, data_dir: Path | None) -> None:
    """Load a version of a code system from CSV: code,display,active_from,active_until.

    Only code must be there; active_until is the last day. The whole version is replaced, or
    nothing is. Running processes use it within five seconds.
    """
    count = run_over_pool(data_dir, load_codes, tenant, system, version, read_codes(_lines(file)))
    click.echo(f"{count} codes of {system} {version} loaded for {tenant}")


def _lines(file: TextIO) -> Iterator[str]:
    try:
        yield from file
    except UnicodeDecodeError as wrong:
        raise CodesUnreadable(f"nothing was loaded: {file.name} is no UTF-8: {wrong}") from None


@codes.command(name="list")
@tenant_option
@data_dir_option
@json_option
def list_loaded(tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """What is loaded."""
    found = run_over_pool(data_dir, list_systems, tenant)
    if as_json:
        print_json(found)
        return
    sheet = Sheet("system", "version", "codes", "loaded at", right=("codes",))
    for each in found:
        sheet.add(each.system, each.version, str(each.codes), each.loaded_at)
    show(sheet if found else "no code system is loaded: codes are taken as they are")


@codes.command()
@system_option
@version_option
@tenant_option
@data_dir_option
def remove(system: str, version: str, tenant: str, data_dir: Path | None) -> None:
    """Forget a version; codes of a system without any are taken as they are again."""
    if not run_over_pool(data_dir, remove_system, tenant, system, version):
        raise click.ClickException(f"{system} {version} is not loaded: see `daybook codes list`")
    click.echo(f"{system} {version} removed for {tenant}")
