"""Invoices over HTTP: list them, read one with everything that settled it."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.views import InvoiceDetail, InvoicePage, InvoiceStatus
from projections.invoices_queries import find_invoice, find_invoices
from services.api.parameters import (
    Cursor,
    DateFrom,
    DateTo,
    InvoicePath,
    Limit,
    OfAccount,
    check_period,
)
from services.api.problems import Problem
from services.api.reading import Reading, tagged
from services.api.routes import query


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
    summary="Read an invoice",
    codes=("NOT_FOUND",),
    tagged=True,
)
async def get_invoice(
    request: Request[Any, Any, Any], reading: NamedDependency[Reading], invoice_id: InvoicePath
) -> Response[InvoiceDetail]:
    """The invoice with its lines, and with the payments and adjustments on it."""
    async with reading.connection() as connection:
        detail = await find_invoice(connection, invoice_id)
    if detail is None:
        raise Problem("NOT_FOUND", f"there is no invoice {invoice_id}")
    return tagged(request, detail, detail.invoice.version, detail.invoice.position)
