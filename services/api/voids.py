"""Voids over HTTP: an issued invoice is taken back."""

from datetime import date
from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.ids import AccountId, InvoiceId
from contracts.inbound import Line
from contracts.invoice import InvoiceVoided
from contracts.money import Money
from domain.invoice import VoidInvoice
from services.api.calls import Call
from services.api.ledger import Recorded
from services.api.parameters import InvoicePath
from services.api.routes import command, created


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
