"""`daybook invoice pdf`: an invoice as its customer gets it."""

from pathlib import Path

import click

from services.cli.running import an_id, data_dir_option, run, settings_with, tenant_option
from services.documents.invoice import InvoiceDocument
from services.documents.rendering import PaperTooLong, RendererBusy, render_invoice
from services.documents.style import choose_style, style_of
from services.documents.words import LANGUAGES
from services.letterheads import find_sender
from services.logging import configure_logging
from services.printing import find_invoice_parts
from services.sealing import Unsealable, find_keys, open_sealed
from services.settings import Settings
from services.tenant_view import tenant_view
from services.wiring import Printing, printing


@click.group()
def invoice() -> None:
    """Invoices on paper."""
    configure_logging("cli", level="warning")


@invoice.command()
@click.argument("invoice_id", callback=an_id)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file."
)
@click.option("--language", help="BCP 47 tag, such as prs.  [default: the account's]")
@tenant_option
@data_dir_option
def pdf(
    invoice_id: str, out: Path, language: str | None, tenant: str, data_dir: Path | None
) -> None:
    """Write an invoice as PDF."""
    if language is not None and style_of(language) is None:
        raise click.BadParameter(f"documents are printed in {', '.join(LANGUAGES)}")
    try:
        content = run(_print(settings_with(data_dir), tenant, invoice_id, language))
        out.write_bytes(content)
    except (LookupError, PaperTooLong, RendererBusy, Unsealable, OSError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    click.echo(f"{out}: {len(content)} bytes")


async def _print(settings: Settings, tenant: str, invoice_id: str, language: str | None) -> bytes:
    async with printing(settings) as wired:
        return await _printed(wired, tenant, invoice_id, language)


async def _printed(wired: Printing, tenant: str, invoice_id: str, language: str | None) -> bytes:
    async with tenant_view(wired.pool, tenant, readonly=True) as connection:
        parts = await find_invoice_parts(connection, invoice_id)
        if parts is None:
            raise LookupError(f"tenant {tenant} has no invoice {invoice_id}")
        wanted = (language, parts.account.language)
        sender = await find_sender(
            connection, parts.detail.invoice.facility, choose_style(wanted).style.language
        )
    sealed = parts.account.name
    keys = await find_keys(wired.pool, tenant, [sealed.subject]) if sealed else {}
    document = InvoiceDocument(
        detail=parts.detail,
        charges=parts.charges,
        account=parts.account,
        name=open_sealed(keys, tenant, sealed) if sealed else None,
        sender=sender,
    )
    return await render_invoice(wired.render, document, choose_style(wanted, sender.calendar).style)
