"""The table of what scripts may ask, and how each is done: `<group>/<name>`, as the built-in
activity that asks nothing else.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from contracts.account import AccountOpened
from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.charge import ChargeCaptured
from contracts.ids import AccountId, AdjustmentId, ChargeId, EncounterId, InvoiceId, PaymentId
from contracts.inbound import (
    ApplyAdjustmentMessage,
    CaptureChargeMessage,
    Id,
    OpenAccountMessage,
    PostPaymentMessage,
)
from contracts.invoice import InvoiceDrafted
from contracts.payment import Allocation, PaymentMethod, PaymentPosted
from domain import naming
from domain.account import OpenAccount
from domain.adjustment import ApplyAdjustment
from domain.charge import CaptureCharge
from domain.invoice import DUE_DAYS_MAX, CreateDraftInvoice, IssueInvoice
from domain.payment import PostPayment
from services.sagas.ledger import read_states
from services.sealing import make_keys, seal
from services.tenant_view import tenant_view
from services.workflows.asking import Ask, Asked
from services.workflows.scripts import CallRefused

CHARGES_MAX: Final = 500


class Charges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Charges to be captured, all of them or none."""

    charges: Annotated[tuple[CaptureChargeMessage, ...], Meta(max_length=CHARGES_MAX)]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open charges of an account to be bundled, all of them unless some are named."""

    account_id: Id
    facility: str | None = None
    charge_ids: tuple[Id, ...] | None = None


class Issue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft to be issued."""

    invoice_id: Id
    due_days: Annotated[int, Meta(ge=0, le=DUE_DAYS_MAX)] = 30


class Read(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource to be read."""

    type: str
    id: str


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resources to be found."""

    type: str
    params: dict[str, str] = {}


class Upsert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource to be made or replaced, by its id or by an identifier `system|value`."""

    resource: dict[str, Any]
    identifier: str | None = None


async def save_case(asked: Asked) -> Any:
    """The patient's account, opened where there is none."""
    wanted: OpenAccountMessage = asked.converted(OpenAccountMessage)
    tenant, patient_id = asked.grant.tenant, wanted.patient_id
    keys = await make_keys(asked.pool, tenant, [patient_id])

    def sealed(text: str | None) -> Any:
        return None if text is None else seal(keys, tenant, patient_id, text)

    account_id = naming.account_id(tenant, patient_id, wanted.currency)
    command = OpenAccount(
        account_id=account_id,
        patient_id=patient_id,
        name=sealed(wanted.name),
        facility=wanted.facility,
        currency=wanted.currency,
        language=wanted.language,
        email=sealed(wanted.email),
        phone=sealed(wanted.phone),
        delivery=wanted.delivery,
    )
    opened = await asked.openings((account_id,), AccountOpened)
    if not opened:
        try:
            await asked.execute(command)
        except CallRefused as refused:
            if refused.code != "ALREADY_EXISTS":
                raise
    return {"account_id": account_id, "currency": wanted.currency}


async def capture(asked: Asked) -> Any:
    """Charges in the books, in the order in which they were named."""
    wanted: Charges = asked.converted(Charges)
    if not wanted.charges:
        return {"charges": []}
    ids = tuple(ChargeId(asked.id("chg", str(place))) for place in range(len(wanted.charges)))
    await asked.execute_all(tuple(map(_capture, ids, wanted.charges)))
    captured: list[ChargeCaptured] = await asked.openings(ids, ChargeCaptured)
    facts = ("charge_id", "account_id", "code", "quantity", "net", "tax", "total")
    return {"charges": [_facts(each, facts) for each in captured]}


async def draft(asked: Asked) -> Any:
    """A draft of open charges."""
    wanted: Draft = asked.converted(Draft)
    named = wanted.charge_ids
    invoice_id = InvoiceId(asked.id("inv"))
    await asked.execute(
        CreateDraftInvoice(
            invoice_id=invoice_id,
            account_id=AccountId(wanted.account_id),
            facility=wanted.facility,
            charge_ids=None if named is None else tuple(map(ChargeId, named)),
        )
    )
    (drafted,) = await asked.openings((invoice_id,), InvoiceDrafted)
    return _facts(drafted, ("invoice_id", "account_id", "line_count", "net", "tax", "total"))


async def issue(asked: Asked) -> Any:
    """An invoice under its number."""
    wanted: Issue = asked.converted(Issue)
    invoice_id = InvoiceId(wanted.invoice_id)
    await asked.execute(IssueInvoice(invoice_id=invoice_id, due_days=wanted.due_days))
    tenant = asked.grant.tenant
    async with tenant_view(asked.pool, tenant, readonly=True) as connection:
        state = (await read_states(connection, tenant, [invoice_id]))[invoice_id]
    return {"invoice_id": invoice_id, "account_id": state.account_id, "number": state.number}


async def post(asked: Asked) -> Any:
    """A payment in the books."""
    wanted: PostPaymentMessage = asked.converted(PostPaymentMessage)
    parts = wanted.allocations
    payment_id = PaymentId(asked.id("pay"))
    await asked.execute(
        PostPayment(
            payment_id=payment_id,
            account_id=AccountId(wanted.account_id),
            amount=wanted.amount.money,
            method=PaymentMethod(wanted.method),
            received_on=wanted.received_on,
            allocations=None
            if parts is None
            else tuple(
                Allocation(invoice_id=InvoiceId(part.invoice_id), amount=part.amount.money)
                for part in parts
            ),
            payer=wanted.payer,
            reference=wanted.reference,
        )
    )
    (posted,) = await asked.openings((payment_id,), PaymentPosted)
    return _facts(posted, ("payment_id", "account_id", "amount", "allocations"))


async def adjust(asked: Asked) -> Any:
    """An adjustment in the books."""
    wanted: ApplyAdjustmentMessage = asked.converted(ApplyAdjustmentMessage)
    adjustment_id = AdjustmentId(asked.id("adj"))
    await asked.execute(
        ApplyAdjustment(
            adjustment_id=adjustment_id,
            account_id=AccountId(wanted.account_id),
            reason=AdjustmentReason(wanted.reason),
            direction=Direction(wanted.direction),
            amount=wanted.amount.money,
            effective_on=wanted.effective_on,
            invoice_id=InvoiceId(wanted.invoice_id) if wanted.invoice_id else None,
        )
    )
    (applied,) = await asked.openings((adjustment_id,), AdjustmentApplied)
    return _facts(applied, ("adjustment_id", "account_id", "reason", "direction", "amount"))


async def read(asked: Asked) -> Any:
    """A resource, null where there is none."""
    wanted: Read = asked.converted(Read)
    return await asked.fhir().read(wanted.type, wanted.id)


async def search(asked: Asked) -> Any:
    """Resources."""
    wanted: Search = asked.converted(Search)
    return await asked.fhir().search(wanted.type, wanted.params)


async def upsert(asked: Asked) -> Any:
    """The resource as it stands then."""
    wanted: Upsert = asked.converted(Upsert)
    return await asked.fhir().upsert(wanted.resource, wanted.identifier)


ASKS: Final[Mapping[str, Ask]] = {
    "billing-case/save": save_case,
    "charge/capture": capture,
    "invoice/draft": draft,
    "invoice/issue": issue,
    "payment/post": post,
    "adjustment/apply": adjust,
    "fhir/read": read,
    "fhir/search": search,
    "fhir/upsert": upsert,
}


def _capture(charge_id: ChargeId, wanted: CaptureChargeMessage) -> CaptureCharge:
    return CaptureCharge(
        charge_id=charge_id,
        account_id=AccountId(wanted.account_id),
        facility=wanted.facility,
        code=wanted.code,
        system=wanted.system,
        modifiers=wanted.modifiers,
        quantity=wanted.quantity,
        service_on=wanted.service_date,
        currency=wanted.currency,
        unit_price=wanted.unit_price.money if wanted.unit_price else None,
        encounter_id=EncounterId(wanted.encounter_id) if wanted.encounter_id else None,
        reference=wanted.reference,
    )


def _facts(event: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}
