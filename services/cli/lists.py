"""What the commands that list have in common: a limit, where to go on, and what is left."""

from collections.abc import Callable
from typing import Any

import click

from services.cli.running import (
    an_id,
    data_dir_option,
    json_option,
    print_json,
    tenant_option,
)
from services.listed import LISTED_MAX, Item, Listed
from services.tables import Sheet, show

_limit_option: Callable[[Any], Any] = click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=LISTED_MAX,
    show_default=True,
    help="How many to list at most.",
)
_after_option: Callable[[Any], Any] = click.option(
    "--after",
    metavar="ID",
    callback=an_id,
    help="Go on behind this one, the last of the page before.",
)


def list_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that lists; `click` passes them by their names."""
    options = (_limit_option, _after_option, tenant_option, data_dir_option, json_option)
    for option in reversed(options):
        command = option(command)
    return command


def show_list(
    found: Listed[Item],
    sheet: Sheet,
    add: Callable[[Sheet, Item], None],
    *,
    nothing: str,
    as_json: bool,
) -> None:
    """Print a page, and how to see the next one."""
    if as_json:
        print_json(found)
        return
    for item in found.items:
        add(sheet, item)
    show(sheet if found.items else nothing)
    if found.next:
        click.echo(f"{found.more} more: --after {found.next}", err=True)
