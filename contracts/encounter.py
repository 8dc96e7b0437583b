"""What happens to an encounter: recorded as a clinic sent it, then billed."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import Event
from contracts.ids import AccountId, EncounterId, InvoiceId
from contracts.money import Currency, Money
from contracts.private import Private


class EncounterService(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coded service that was rendered; without a unit price the price list decides."""

    code: str
    system: str
    quantity: int
    service_on: date
    modifiers: tuple[str, ...] = ()
    unit_price: Money | None = None


class EncounterReceived(Event, frozen=True, kw_only=True):
    """A clinical system closed an encounter; nothing is charged yet."""

    encounter_id: EncounterId
    encounter_ref: Annotated[str, Meta(description="the sender's own encounter id")]
    claim_ref: Annotated[str | None, Meta(description="the sender's own claim id")] = None
    patient_id: str
    patient_name: Private | None = None
    details: Annotated[
        Private | None,
        Meta(description="sealed JSON: plan, member_id and the descriptions of services by line"),
    ] = None
    facility: str
    currency: Currency
    language: str
    closed_at: Annotated[datetime, Meta(tz=True)]
    payer: str | None = None
    services: tuple[EncounterService, ...]


class ServiceProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a service of an encounter could not be charged."""

    line: Annotated[int, Meta(description="index of the service in the encounter, from 0")]
    code: Annotated[str, Meta(description="a stable error code", examples=["PRICE_NOT_FOUND"])]
    detail: str


class EncounterAttentionRequired(Event, frozen=True, kw_only=True):
    """Some services could not be charged; the rest was. It waits for mending and a resume."""

    encounter_id: EncounterId
    problems: tuple[ServiceProblem, ...]


class EncounterResumed(Event, frozen=True, kw_only=True):
    """Somebody mended what was wrong and asked for another try."""

    encounter_id: EncounterId


class EncounterBilled(Event, frozen=True, kw_only=True):
    """Every chargeable service is charged and, where there was one, on an invoice."""

    encounter_id: EncounterId
    account_id: AccountId
    invoice_ids: tuple[InvoiceId, ...]
    charge_count: int


# --- retired: an encounter that needed attention is billed on a second invoice, and version 1 had
# room for one only.


class EncounterBilledV1(Event, frozen=True, kw_only=True):
    """An encounter was billed on at most one invoice (retired)."""

    encounter_id: EncounterId
    account_id: AccountId
    invoice_id: InvoiceId | None
    charge_count: int


def encounter_billed_v1_to_v2(event: EncounterBilledV1) -> EncounterBilled:
    """One invoice or none becomes a tuple of invoices."""
    return EncounterBilled(
        encounter_id=event.encounter_id,
        account_id=event.account_id,
        invoice_ids=() if event.invoice_id is None else (event.invoice_id,),
        charge_count=event.charge_count,
    )
