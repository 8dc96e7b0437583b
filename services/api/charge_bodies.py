"""Charges as callers send them and read them."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from contracts.charge import (
    ChargeCaptured,
    ChargeReversed,
    ChargeTaxTruedUp,
    CodeStatus,
    PriceSource,
)
from contracts.event import Event
from contracts.ids import AccountId, ChargeId, EncounterId, InvoiceId, PriceListId
from contracts.inbound import CaptureChargeMessage
from contracts.ledger import Posting
from contracts.money import Money
from domain.charge import CaptureCharge
from services.api.auth import STATE_PRICES
from services.api.body import Amount
from services.api.ledger import Recorded


class CaptureChargeRequest(
    CaptureChargeMessage,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Charge a service to an account. Without a unit price the price list decides; modifiers are
    recorded and have no part in that, since prices are listed by facility, code and currency."""

    unit_price: Annotated[Amount | None, Meta(description=f"takes the scope {STATE_PRICES}")] = None


class ChargeStatus(StrEnum):
    """Whether a charge stands."""

    CAPTURED = "captured"
    REVERSED = "reversed"


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """How a charge was taken back."""

    reason: Annotated[str | None, Meta(description="null once the person is forgotten")]
    booked_on: Annotated[date, Meta(description="the posting date of the reversal")]


class FinalTax(msgspec.Struct, frozen=True, kw_only=True):
    """The tax of a charge on its invoice, where the rules in force at its issue said otherwise."""

    invoice_id: InvoiceId
    tax: Money
    tax_rate_ppm: int
    tax_rule: str | None


class PricedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as it would be booked now; nothing was written."""

    account_id: AccountId
    facility: str
    code: str
    system: str
    modifiers: tuple[str, ...]
    quantity: int
    service_date: Annotated[date, Meta(description="local date at the facility")]
    booked_on: Annotated[date, Meta(description="the posting date")]
    unit_price: Money
    price_source: PriceSource
    price_list_id: PriceListId | None
    net: Money
    tax: Money
    total: Money
    tax_rate_ppm: Annotated[int, Meta(description="tax rate in parts per million of the net")]
    tax_rule: str | None
    code_status: CodeStatus
    encounter_id: EncounterId | None
    reference: str | None
    postings: tuple[Posting, ...]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge in the books: its price, its tax and where they came from."""

    charge_id: ChargeId
    account_id: AccountId
    status: ChargeStatus
    facility: str
    code: str
    system: str
    modifiers: tuple[str, ...]
    quantity: int
    service_date: Annotated[date, Meta(description="local date at the facility")]
    booked_on: Annotated[date, Meta(description="the posting date")]
    unit_price: Money
    price_source: PriceSource
    price_list_id: PriceListId | None
    net: Money
    tax: Annotated[Money, Meta(description="as captured")]
    total: Money
    tax_rate_ppm: Annotated[int, Meta(description="tax rate in parts per million of the net")]
    tax_rule: str | None
    code_status: CodeStatus
    encounter_id: EncounterId | None
    reference: str | None
    reversal: Reversal | None
    final_tax: FinalTax | None
    version: Annotated[int, Meta(description="version of the charge")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


def command_of(data: CaptureChargeRequest, charge_id: ChargeId) -> CaptureCharge:
    """The command that a request means."""
    return CaptureCharge(
        charge_id=charge_id,
        account_id=AccountId(data.account_id),
        facility=data.facility,
        code=data.code,
        system=data.system,
        modifiers=data.modifiers,
        quantity=data.quantity,
        service_on=data.service_date,
        currency=data.currency,
        unit_price=data.unit_price.money if data.unit_price else None,
        encounter_id=EncounterId(data.encounter_id) if data.encounter_id else None,
        reference=data.reference,
    )


def charge_of(captured: Recorded) -> Charge:
    """A charge as it was captured."""
    return charge_after(captured, (), None)


def charge_after(captured: Recorded, later: Sequence[Event], reason: str | None) -> Charge:
    """A charge after what happened to it since; `reason` is the opened one of its reversal."""
    event: ChargeCaptured = captured.event
    reversed_ = next((each for each in later if isinstance(each, ChargeReversed)), None)
    trued_up = next((each for each in later if isinstance(each, ChargeTaxTruedUp)), None)
    return Charge(
        charge_id=event.charge_id,
        status=ChargeStatus.CAPTURED if reversed_ is None else ChargeStatus.REVERSED,
        reversal=Reversal(reason=reason, booked_on=reversed_.booked_on) if reversed_ else None,
        final_tax=_final_tax(trued_up) if trued_up else None,
        version=captured.version,
        token=captured.token,
        **_facts(event),
    )


def priced(event: ChargeCaptured) -> PricedCharge:
    """What would be booked."""
    return PricedCharge(postings=event.postings, **_facts(event))


def _final_tax(event: ChargeTaxTruedUp) -> FinalTax:
    return FinalTax(
        invoice_id=event.invoice_id,
        tax=event.tax,
        tax_rate_ppm=event.tax_rate_ppm,
        tax_rule=event.tax_rule,
    )


def _facts(event: ChargeCaptured) -> dict[str, Any]:
    return {
        "account_id": event.account_id,
        "facility": event.facility,
        "code": event.code,
        "system": event.system,
        "modifiers": event.modifiers,
        "quantity": event.quantity,
        "service_date": event.effective_on,
        "booked_on": event.booked_on,
        "unit_price": event.unit_price,
        "price_source": event.price_source,
        "price_list_id": event.price_list_id,
        "net": event.net,
        "tax": event.tax,
        "total": event.total,
        "tax_rate_ppm": event.tax_rate_ppm,
        "tax_rule": event.tax_rule,
        "code_status": event.code_status,
        "encounter_id": event.encounter_id,
        "reference": event.reference,
    }
