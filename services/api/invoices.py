"""Invoices over HTTP: list them, read one with everything that settled it."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.views import InvoiceDetail, InvoicePage, InvoiceStatus
from projections.invoices_queries import find_invoice, find_invoices
from services.api.dependencies import Dependencies
from services.api.parameters import (
    Cursor,
    DateFrom,
    DateTo,
    InvoicePath,
    Limit,
    OfAccount,
    check_period,
)
from services.api.printing import VARY, PrintLanguage, dressed, printed, wants_pdf
from services.api.problems import Problem
from services.api.reading import Reading, tagged
from services.api.routes import query
from services.documents.invoice import InvoiceDocument, invoice_paper
from services.printing import find_invoice_parts


class Invoice(InvoiceDetail, frozen=True, kw_only=True):
    """An invoice with its lines and with everything that settled or corrected it."""

    void_reason: str | None  # type: ignore[assignment]  # sealed in the read model, opened at this edge


@query("/invoices", "invoices", summary="List invoices")
async def list_invoices(
    reading: NamedDependency[Reading],
    account_id: OfAccount = None,
    status: Annotated[
        InvoiceStatus | None, QueryParameter(required=False, description="only those in this state")
    ] = None,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> InvoicePage:
    """Invoices, the latest drafted first. A draft has no day of issue and is in no period."""
    check_period(("date_from", date_from), ("date_to", date_to))
    async with reading.connection() as connection:
        return await find_invoices(
            connection,
            account_id=account_id,
            status=status,
            date_from=date_from,
            date_to=date_to,
            cursor=cursor,
            limit=limit,
        )


@query(
    "/invoices/{invoice_id:str}",
    "invoices",
    "account_balances",
    "bills",
    summary="Read an invoice",
    codes=("NOT_FOUND",),
    tagged=True,
    document=True,
)
async def get_invoice(
    request: Request[Any, Any, Any],
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
    invoice_id: InvoicePath,
    language: PrintLanguage = None,
) -> Response[Invoice]:
    """The invoice with its lines, and with the payments and adjustments on it; or as PDF."""
    if wants_pdf(request):
        return await _print(request, reading, dependencies, invoice_id, language)
    async with reading.connection() as connection:
        detail = await find_invoice(connection, invoice_id)
    if detail is None:
        raise _no_such(invoice_id)
    (void_reason,) = await reading.names([detail.void_reason])
    invoice = Invoice(**msgspec.structs.asdict(detail) | {"void_reason": void_reason})
    answer = tagged(request, invoice, invoice.invoice.version, invoice.invoice.position)
    answer.headers.update(VARY)
    return answer


async def _print(
    request: Request[Any, Any, Any],
    reading: Reading,
    dependencies: Dependencies,
    invoice_id: str,
    language: str | None,
) -> Response[Invoice]:
    async with reading.connection() as connection:
        parts = await find_invoice_parts(connection, invoice_id)
        if parts is None:
            raise _no_such(invoice_id)
        detail, account, charges = parts
        style, sender = await dressed(
            connection, request, language, account.language, detail.invoice.facility
        )
    (name,) = await reading.names([account.name])
    document = InvoiceDocument(
        detail=detail, charges=charges, account=account, name=name, sender=sender
    )
    return await printed(
        request, dependencies, len(detail.lines), lambda: invoice_paper(document, style), style
    )


def _no_such(invoice_id: str) -> Problem:
    return Problem("NOT_FOUND", f"there is no invoice {invoice_id}")
