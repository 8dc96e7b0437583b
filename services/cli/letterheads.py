"""`daybook letterhead set`: who documents come from, and how to pay."""

from pathlib import Path
from typing import Any, get_args

import asyncpg
import click

from services.cli.running import a_text, data_dir_option, run, settings_with, tenant_option
from services.documents.sender import Sender
from services.documents.style import Calendar
from services.documents.words import LANGUAGES
from services.letterheads import ANY, set_sender
from services.logging import configure_logging
from services.settings import Settings
from services.tenant_view import tenant_view
from services.wiring import writing


@click.group()
def letterhead() -> None:
    """Letterheads of invoices and statements."""
    configure_logging("cli", level="warning")


@letterhead.command(name="set")
@click.option("--name", required=True, callback=a_text, help="Who the document comes from.")
@click.option("--facility", default=ANY, show_default=True, help="Whose; * for any other.")
@click.option(
    "--language",
    type=click.Choice([ANY, *LANGUAGES]),
    default=ANY,
    show_default=True,
    help="Of documents in this language; * for any other.",
)
@click.option("--address", multiple=True, help="A line of the address; up to six.")
@click.option("--phone")
@click.option("--email")
@click.option("--tax-id")
@click.option("--pay-to", multiple=True, help="A line of how to pay; up to six.")
@click.option(
    "--calendar",
    type=click.Choice(get_args(Calendar)),
    default="gregorian",
    show_default=True,
    help="Of dates in Pashto and Dari.",
)
@tenant_option
@data_dir_option
def set_letterhead(
    facility: str, language: str, tenant: str, data_dir: Path | None, **given: Any
) -> None:
    """Set the letterhead of a facility in a language, instead of the one that it has."""
    sender = Sender(
        name=given["name"],
        address=given["address"],
        phone=given["phone"],
        email=given["email"],
        tax_id=given["tax_id"],
        payment_instructions=given["pay_to"],
        calendar=given["calendar"],
    )
    try:
        run(_set(settings_with(data_dir), tenant, facility, language, sender))
    except asyncpg.CheckViolationError as violated:
        raise click.ClickException(
            f"{violated.constraint_name}: names have up to 120 characters, address and pay-to up"
            " to 6 lines"
        ) from violated
    place = "any other facility" if facility == ANY else f"facility {facility}"
    words = "any other language" if language == ANY else language
    click.echo(f"letterhead of {place} in {words} is set for tenant {tenant}")


async def _set(
    settings: Settings, tenant: str, facility: str, language: str, sender: Sender
) -> None:
    async with writing(settings) as wired, tenant_view(wired.pool, tenant) as connection:
        await set_sender(connection, facility, language, sender)
