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
    _check(len(document.detail.lines), "the invoice")
    return await render(invoice_paper(document, style))


async def render_statement(render: Render, document: StatementDocument, style: Style) -> bytes:
    """The statement as PDF; raises PaperTooLong and RendererBusy."""
    _check(len(document.statement.lines), "the statement; ask for a shorter period")
    return await render(statement_paper(document, style))


def _check(rows: int, what: str) -> None:
    if rows > ROWS_MAX:
        raise PaperTooLong(f"{rows} lines are too many for one document ({ROWS_MAX}): {what}")
