"""What the commands that list have in common: a limit, where to go on, and what is left."""

from collections.abc import Callable
from typing import Any

import click

from services.cli.running import an_id, print_json
from services.listed import LISTED_MAX, Item, Listed
from services.tables import Sheet, show

limit_option: Callable[[Any], Any] = click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=LISTED_MAX,
    show_default=True,
    help="How many to list at most.",
)
after_option: Callable[[Any], Any] = click.option(
    "--after",
    metavar="ID",
    callback=an_id,
    help="Go on behind this one, the last of the page before.",
)


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
