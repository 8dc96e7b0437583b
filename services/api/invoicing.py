"""Invoices over HTTP: draft one from open charges, issue it."""

from datetime import date
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.ids import AccountId, ChargeId, InvoiceId
from contracts.inbound import FacilityCode, Id
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.views import InvoiceStatus
from domain.invoice import DUE_DAYS_MAX, CreateDraftInvoice, IssueInvoice
from services.api.calls import Call
from services.api.ledger import Recorded
from services.api.parameters import InvoicePath
from services.api.routes import command, created

CHARGES_MAX: Final = 10_000


class DraftInvoiceRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Bundle open charges of an account into a draft."""

    account_id: Id
    facility: Annotated[
        FacilityCode | None, Meta(description="whose number it gets; the account's if left out")
    ] = None
    charge_ids: Annotated[
        Annotated[tuple[Id, ...], Meta(min_length=1, max_length=CHARGES_MAX)] | None,
        Meta(description="open charges, each once; all of the account if left out"),
    ] = None


class DraftedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it was made; nothing is due on it yet."""

    invoice_id: InvoiceId
    account_id: AccountId
    facility: str
    line_count: int
    net: Money
    tax: Annotated[Money, Meta(description="as captured; final once it is issued")]
    total: Money
    version: Annotated[int, Meta(description="version of the invoice")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class IssueInvoiceRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Freeze a draft under the next number."""

    due_days: Annotated[
        int, Meta(ge=0, le=DUE_DAYS_MAX, description="days from the day of issue to the due date")
    ] = 30


class IssuedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as it was issued: what it says never changes."""

    invoice_id: InvoiceId
    account_id: AccountId
    facility: str
    status: Annotated[InvoiceStatus, Meta(description="paid at once when nothing is owed on it")]
    number: Annotated[str, Meta(description="gapless per facility and its local year")]
    issued_on: Annotated[date, Meta(description="local date at the facility")]
    due_on: date
    line_count: int
    lines_digest: str
    net: Money
    tax: Annotated[Money, Meta(description="by the rules in force as it was issued")]
    total: Money
    tax_trued_up: Annotated[
        Money, Meta(description="the tax less that of its charges as captured; booked with it")
    ]
    version: Annotated[int, Meta(description="version of the invoice")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/invoices",
    CreateDraftInvoice,
    summary="Draft an invoice",
    codes=("NOT_FOUND", "STATE_CONFLICT", "ALREADY_EXISTS"),
)
async def draft_invoice(
    data: JSONBody[DraftInvoiceRequest], call: NamedDependency[Call]
) -> Response[DraftedInvoice]:
    """Bundles the account's open charges, all or those named; each is on one invoice only."""
    wanted = data.charge_ids
    recorded = await call.execute(
        data,
        CreateDraftInvoice(
            invoice_id=InvoiceId(call.new_id("inv")),
            account_id=AccountId(data.account_id),
            facility=data.facility,
            charge_ids=None if wanted is None else tuple(ChargeId(each) for each in wanted),
        ),
    )
    drafted = _drafted(recorded)
    return created(f"/v1/invoices/{drafted.invoice_id}", drafted, recorded)


@command(
    "/invoices/{invoice_id:str}/issue",
    IssueInvoice,
    summary="Issue an invoice",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def issue_invoice(
    data: JSONBody[IssueInvoiceRequest], call: NamedDependency[Call], invoice_id: InvoicePath
) -> Response[IssuedInvoice]:
    """Freezes lines and totals under the next number and makes the tax final.

    Issuing again answers the same; with other `due_days` it is refused.
    """
    recorded = await call.execute(
        data, IssueInvoice(invoice_id=InvoiceId(invoice_id), due_days=data.due_days)
    )
    event = await call.ledger.event_of(call.tenant, invoice_id, InvoiceIssued)
    return created(f"/v1/invoices/{invoice_id}", _issued(event, recorded), recorded)


def _drafted(recorded: Recorded) -> DraftedInvoice:
    event: InvoiceDrafted = recorded.event
    return DraftedInvoice(
        invoice_id=event.invoice_id,
        account_id=event.account_id,
        facility=event.facility,
        line_count=event.line_count,
        net=event.net,
        tax=event.tax,
        total=event.total,
        version=recorded.version,
        token=recorded.token,
    )


def _issued(event: InvoiceIssued, recorded: Recorded) -> IssuedInvoice:
    owed_minor = sum(
        posting.amount_minor
        for posting in event.postings
        if posting.gl_account is GlAccount.RECEIVABLE
    )
    return IssuedInvoice(
        invoice_id=event.invoice_id,
        account_id=event.account_id,
        facility=event.facility,
        status=InvoiceStatus.ISSUED if event.total.minor else InvoiceStatus.PAID,
        number=event.number,
        issued_on=event.issued_on,
        due_on=event.due_on,
        line_count=event.line_count,
        lines_digest=event.lines_digest,
        net=event.net,
        tax=event.tax,
        total=event.total,
        tax_trued_up=Money.of(owed_minor, event.currency),
        version=recorded.version,
        token=recorded.token,
    )
