"""What happens to a remittance: a payer's advice of what it paid for which claims."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import Event
from contracts.ids import InvoiceId, PaymentId, RemittanceId
from contracts.money import Money
from contracts.private import Private

OUTCOMES_PER_EVENT_MAX = 500


class ClaimAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a claim that the payer will not pay, and why."""

    reason: Annotated[str, Meta(examples=["CONTRACTUAL"])]
    amount: Money


class RemittanceClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim as the payer settled it; it names an invoice, a claim or an encounter."""

    paid: Money
    invoice: Annotated[str | None, Meta(description="our invoice id or number")] = None
    claim_ref: str | None = None
    encounter_ref: str | None = None
    adjustments: tuple[ClaimAdjustment, ...] = ()
    denied: bool = False
    denial_reason: Annotated[
        Private | None,
        Meta(description="the payer's own words, sealed under `claim/` and what names the claim"),
    ] = None


class RemittanceReceived(Event, frozen=True, kw_only=True):
    """A payer sent a remittance; nothing is posted yet. The claims sum to the total."""

    remittance_id: RemittanceId
    remittance_ref: Annotated[str, Meta(description="the payer's own remittance id")]
    payer: str
    received_on: date
    total: Money
    claims: tuple[RemittanceClaim, ...]


class ClaimResult(StrEnum):
    """How a claim of a remittance ended."""

    POSTED = "posted"
    DENIED = "denied"
    PARKED = "parked"


class ClaimOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one claim of a remittance."""

    claim: Annotated[int, Meta(description="index of the claim in the remittance, from 0")]
    result: ClaimResult
    invoice_id: InvoiceId | None = None
    payment_id: PaymentId | None = None
    detail: Annotated[
        str | None, Meta(description="our own words; those of the payer stay sealed")
    ] = None


class RemittanceClaimsSettled(Event, frozen=True, kw_only=True):
    """Some claims of a remittance reached an end; a parked one can still be posted later."""

    remittance_id: RemittanceId
    outcomes: tuple[ClaimOutcome, ...]


class RemittanceCompleted(Event, frozen=True, kw_only=True):
    """Every claim was posted, denied or parked; posted and parked tie to the total."""

    remittance_id: RemittanceId
    posted: Money
    parked: Money
    claim_count: int
    denied_count: int
    parked_count: int
