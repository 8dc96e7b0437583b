"""Invoices over HTTP: list them, read one with everything that settled it, void one."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.ids import AccountId, InvoiceId
from contracts.inbound import Line
from contracts.invoice import InvoiceVoided
from contracts.money import Money
from contracts.views import InvoiceDetail, InvoicePage, InvoiceStatus
from domain.invoice import VoidInvoice
from projections.invoices_queries import find_invoice, find_invoices
from services.api.calls import Call
from services.api.ledger import Recorded
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
from services.api.routes import command, created, query


class VoidInvoiceRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Take an issued invoice back, paid or not. Its charges are never invoiced again."""

    reason: Annotated[Line, Meta(description="kept sealed: it may say something of a person")]


class VoidedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice that nobody owes any more."""

    invoice_id: InvoiceId
    account_id: AccountId
    number: str
    reason: str | None
    voided_on: date
    total: Money
    outstanding: Annotated[Money, Meta(description="what was still owed on it")]
    released: Annotated[Money, Meta(description="what had been paid on it: credit again")]
    version: Annotated[int, Meta(description="version of the invoice")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


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
    summary="Read an invoice",
    codes=("NOT_FOUND",),
    tagged=True,
)
async def get_invoice(
    request: Request[Any, Any, Any], reading: NamedDependency[Reading], invoice_id: InvoicePath
) -> Response[Invoice]:
    """The invoice with its lines, and with the payments and adjustments on it."""
    async with reading.connection() as connection:
        detail = await find_invoice(connection, invoice_id)
    if detail is None:
        raise Problem("NOT_FOUND", f"there is no invoice {invoice_id}")
    (void_reason,) = await reading.names([detail.void_reason])
    invoice = Invoice(**msgspec.structs.asdict(detail) | {"void_reason": void_reason})
    return tagged(request, invoice, invoice.invoice.version, invoice.invoice.position)


@command(
    "/invoices/{invoice_id:str}/void",
    VoidInvoice,
    summary="Void an invoice",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def void_invoice(
    data: JSONBody[VoidInvoiceRequest], call: NamedDependency[Call], invoice_id: InvoicePath
) -> Response[VoidedInvoice]:
    """Takes back everything that an issued invoice booked; what was paid on it is credit."""
    drafted = await call.ledger.find(call.tenant, invoice_id)
    reason = await call.ledger.seal_for(call.tenant, drafted.event.account_id, data.reason)
    assert reason is not None, "a reason is required"
    done = await call.execute(data, VoidInvoice(invoice_id=InvoiceId(invoice_id), reason=reason))
    voided = await _voided(call, invoice_id, done)
    return created(f"/v1/invoices/{invoice_id}", voided, done)


async def _voided(call: Call, invoice_id: str, done: Recorded) -> VoidedInvoice:
    events = await call.ledger.history(
        call.tenant, invoice_id, range(done.version, done.version + 1)
    )
    event: InvoiceVoided = events[0]
    return VoidedInvoice(
        invoice_id=event.invoice_id,
        account_id=event.account_id,
        number=event.number,
        reason=await call.open(event.reason),
        voided_on=event.voided_on,
        total=event.total,
        outstanding=event.outstanding,
        released=event.released,
        version=done.version,
        token=done.token,
    )
