"""From a message to the command that it means; personal fields are sealed on the way."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from contracts import encounter, remittance
from contracts.ids import AccountId, EncounterId
from contracts.inbound import (
    AllocateCreditMessage,
    ApplyAdjustmentMessage,
    CaptureChargeMessage,
    EncounterClosed,
    InboundMessage,
    OpenAccountMessage,
    PostPaymentMessage,
    RemittanceClaim,
    RemittanceReceived,
    UsageFeeIncurred,
)
from contracts.private import Private
from domain import naming
from domain.account import OpenAccount
from domain.adjustment import ApplyAdjustment
from domain.bill_adding import AddFee
from domain.charge import CaptureCharge
from domain.credit import AllocateCredit
from domain.encounter import RecordEncounter
from domain.payment import PostPayment
from domain.remittance import RecordRemittance
from services.execute.envelope import BusIdentity, Envelope
from services.intake import money
from services.intake.fees import Bills, Customer, add_fee
from services.intake.reading import Readable
from services.sealing import Keys, seal

CONSUMER: Final = "intake"
Command = (
    OpenAccount
    | CaptureCharge
    | PostPayment
    | AllocateCredit
    | ApplyAdjustment
    | RecordEncounter
    | RecordRemittance
    | AddFee
)


def subjects_of(message: InboundMessage) -> set[str]:
    """Whose personal data a message carries."""
    match message:
        case EncounterClosed():
            named = message.patient.name is not None or _details(message)
            return {message.patient.patient_id} if named else set()
        case OpenAccountMessage(name=name, email=email, phone=phone) if name or email or phone:
            return {message.patient_id}
        case UsageFeeIncurred():
            return {naming.bill_customer(message.customer)}
        case RemittanceReceived():
            return {claim_subject(claim) for claim in message.claims if claim.denial_reason}
        case _:
            return set()


def claim_subject(claim: RemittanceClaim) -> str:
    """The subject of what a payer says of a claim: who the patient is, the payer does not say.

    Forgetting a patient finds it by the claims of the patient's encounters.
    """
    return f"claim/{claim.claim_id or claim.encounter_id or claim.invoice}"


def envelope_of(readable: Readable, keys: Keys, customers: Mapping[Customer, Bills]) -> Envelope:
    """The command of a message, under the identity that it holds for ever.

    `customers` are those whom fees are for, each with the bills that they may go to.
    """
    event = readable.event
    return Envelope(
        tenant=readable.tenant,
        command=_command(readable, keys, customers),
        actor=f"bus:{event.source}",
        correlation_id=event.extensions.get("correlationid", event.id),
        identity=BusIdentity(CONSUMER, event.source, event.id),
        payload_hash=readable.payload_hash,
        causation_id=event.id,
        traceparent=event.extensions.get("traceparent"),
    )


def _command(readable: Readable, keys: Keys, customers: Mapping[Customer, Bills]) -> Command:
    match readable.message:
        case OpenAccountMessage() as message:
            return _open(readable, message, keys)
        case CaptureChargeMessage() as message:
            return _capture(readable, message)
        case PostPaymentMessage() as message:
            return money.post(readable, message)
        case AllocateCreditMessage() as message:
            return money.allocate(readable, message)
        case ApplyAdjustmentMessage() as message:
            return money.adjust(readable, message)
        case UsageFeeIncurred() as message:
            bills = customers[readable.tenant, message.customer]
            return add_fee(readable, message, keys, bills)
        case EncounterClosed() as message:
            return RecordEncounter(encounter=_encounter(readable, message, keys))
        case RemittanceReceived() as message:
            return RecordRemittance(remittance=_remittance(readable, message, keys))


def _open(readable: Readable, message: OpenAccountMessage, keys: Keys) -> OpenAccount:
    tenant, patient_id = readable.tenant, message.patient_id
    return OpenAccount(
        account_id=naming.account_id(tenant, patient_id, message.currency),
        patient_id=patient_id,
        name=_sealed(tenant, patient_id, message.name, keys),
        facility=message.facility,
        currency=message.currency,
        language=message.language,
        email=_sealed(tenant, patient_id, message.email, keys),
        phone=_sealed(tenant, patient_id, message.phone, keys),
        delivery=message.delivery,
    )


def _capture(readable: Readable, message: CaptureChargeMessage) -> CaptureCharge:
    event = readable.event
    unit_price = message.unit_price
    return CaptureCharge(
        charge_id=naming.message_charge_id(readable.tenant, event.source, event.id),
        account_id=AccountId(message.account_id),
        facility=message.facility,
        code=message.code,
        system=message.system,
        modifiers=message.modifiers,
        quantity=message.quantity,
        service_on=message.service_date,
        currency=message.currency,
        unit_price=None if unit_price is None else unit_price.money,
        encounter_id=None if message.encounter_id is None else EncounterId(message.encounter_id),
        reference=message.reference,
    )


def _encounter(
    readable: Readable, message: EncounterClosed, keys: Keys
) -> encounter.EncounterReceived:
    natural_key = message.claim_id or message.encounter_id
    patient = message.patient
    return encounter.EncounterReceived(
        encounter_id=naming.encounter_id(readable.tenant, natural_key),
        encounter_ref=message.encounter_id,
        claim_ref=message.claim_id,
        patient_id=patient.patient_id,
        patient_name=_sealed(readable.tenant, patient.patient_id, patient.name, keys),
        details=_sealed(readable.tenant, patient.patient_id, _details(message), keys),
        facility=message.facility,
        currency=message.currency,
        language=message.language or "en",
        closed_at=message.closed_at.astimezone(UTC),
        payer=message.coverage.payer if message.coverage else None,
        services=tuple(
            encounter.EncounterService(
                code=service.code,
                system=service.system,
                quantity=service.quantity,
                service_on=service.service_date,
                modifiers=service.modifiers,
                unit_price=service.unit_price.money if service.unit_price else None,
            )
            for service in message.services
        ),
    )


def _details(message: EncounterClosed) -> str | None:
    """What else was sent of a person, as JSON: nothing sent to us is lost, none of it is clear."""
    details: dict[str, object] = {}
    if message.coverage is not None:
        details = {
            name: value
            for name in ("plan", "member_id")
            if (value := getattr(message.coverage, name)) is not None
        }
    descriptions = {
        str(line): service.description
        for line, service in enumerate(message.services)
        if service.description is not None
    }
    if descriptions:
        details["descriptions"] = descriptions
    return msgspec.json.encode(details).decode() if details else None


def _sealed(tenant: str, subject: str, text: str | None, keys: Keys) -> Private | None:
    return None if text is None else seal(keys, tenant, subject, text)


def _remittance(
    readable: Readable, message: RemittanceReceived, keys: Keys
) -> remittance.RemittanceReceived:
    received = readable.event.time or datetime.now(UTC)
    return remittance.RemittanceReceived(
        remittance_id=naming.remittance_id(readable.tenant, message.payer, message.remittance_id),
        remittance_ref=message.remittance_id,
        payer=message.payer,
        received_on=message.received_on or received.astimezone(UTC).date(),
        total=message.total.money,
        claims=tuple(
            remittance.RemittanceClaim(
                paid=claim.paid.money,
                invoice=claim.invoice,
                claim_ref=claim.claim_id,
                encounter_ref=claim.encounter_id,
                adjustments=tuple(
                    remittance.ClaimAdjustment(
                        reason=adjustment.reason, amount=adjustment.amount.money
                    )
                    for adjustment in claim.adjustments
                ),
                denied=claim.denied,
                denial_reason=_sealed(
                    readable.tenant, claim_subject(claim), claim.denial_reason, keys
                ),
            )
            for claim in message.claims
        ),
    )
