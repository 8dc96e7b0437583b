"""From a paper to the bytes of a PDF: the port, what it may refuse, and what is asked of it."""

from collections.abc import Awaitable, Callable
from typing import Final

from services.documents.invoice import InvoiceDocument, invoice_paper
from services.documents.paper import Paper
from services.documents.statement import StatementDocument, statement_paper
from services.documents.style import Style

ROWS_MAX: Final = 20_000
"""Rows of one document, which is some 500 pages."""
Render = Callable[[Paper], Awaitable[bytes]]
"""Sets a paper as PDF, the same bytes for the same paper; raises the two below."""


class PaperTooLong(ValueError):
    """A document of more rows than are printed; the text says what to do."""


class RendererBusy(Exception):
    """More documents wait than are set in time; the same may be asked again."""


async def render_invoice(render: Render, document: InvoiceDocument, style: Style) -> bytes:
    """The invoice as PDF; raises PaperTooLong and RendererBusy."""
    check_length(len(document.detail.lines))
    return await render(invoice_paper(document, style))


async def render_statement(render: Render, document: StatementDocument, style: Style) -> bytes:
    """The statement as PDF; raises PaperTooLong and RendererBusy."""
    check_length(len(document.statement.lines))
    return await render(statement_paper(document, style))


def check_length(rows: int) -> None:
    """Refuse what nobody would print; raises PaperTooLong."""
    if rows > ROWS_MAX:
        raise PaperTooLong(f"{rows} lines are more than one document holds, which is {ROWS_MAX}")
