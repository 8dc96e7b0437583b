"""A claim of FHIR (ExplanationOfBenefit) as messages: what was done, and what the payer paid."""

from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from contracts import inbound
from contracts.charge import QUANTITY_MAX
from contracts.cloudevent import CloudEvent
from contracts.inbound import (
    ENCOUNTER_CLOSED,
    REMITTANCE_RECEIVED,
    Coverage,
    EncounterClosed,
    InboundInvalid,
    InboundMoney,
    RemittanceClaim,
    RemittanceReceived,
    Service,
)
from contracts.money import format_minor
from services.intake.fhir_facts import (
    Records,
    facility,
    identified,
    instant,
    language,
    local_date,
    one_line,
    patient,
    payer,
)
from services.intake.fhir_lines import line_prices, rounded
from services.intake.fhir_problem import FhirUnreadable
from services.intake.fhir_resources import (
    Amount,
    CodeableConcept,
    Coding,
    Encounter,
    ExplanationOfBenefit,
    Item,
)

_encode: Final = msgspec.json.Encoder().encode


def claim_messages(claim: ExplanationOfBenefit, records: Records) -> Iterator[CloudEvent]:
    """The encounter, then the remittance if the payer answered; raises FhirUnreadable.

    The encounter stands even if the payment cannot be read. Without the encounter no payment is
    sent: it would wait for an invoice that never comes.
    """
    if claim.status != "active" or claim.use not in (None, "claim"):
        raise FhirUnreadable(
            f"status {claim.status!r} and use {claim.use!r}: nothing to be billed",
            "send claims with status 'active' and use 'claim'",
        )
    closed = _encounter_closed(claim, records)
    yield _message(ENCOUNTER_CLOSED, f"{closed.claim_id}/encounter", closed.facility, closed)
    if claim.payment is not None and claim.payment.amount is not None:
        received = _remittance_received(claim, closed, claim.payment.amount)
        yield _message(
            REMITTANCE_RECEIVED, f"{closed.claim_id}/remittance", closed.facility, received
        )


def _encounter_closed(claim: ExplanationOfBenefit, records: Records) -> EncounterClosed:
    visit = next((reference for item in claim.item for reference in item.encounter), None)
    encounter = records.get(visit.reference or "") if visit else None
    if not isinstance(encounter, Encounter):
        encounter = None  # referred to but elsewhere: the claim itself says enough
    total = _submitted_total(claim)
    person = records.get(claim.patient.reference or "") if claim.patient else None
    insurer = payer(claim)
    return EncounterClosed(
        encounter_id=identified(visit, "item.encounter"),
        claim_id=_claim_id(claim),
        patient=patient(claim.patient, person),
        facility=facility(claim, encounter, records),
        currency=total.currency,
        language=language(person),
        closed_at=instant(encounter.period if encounter else None, claim.created),
        services=tuple(_services(claim, total)),
        coverage=Coverage(payer=insurer) if insurer else None,
    )


def _remittance_received(
    claim: ExplanationOfBenefit, closed: EncounterClosed, amount: Amount
) -> RemittanceReceived:
    paid_minor = rounded(amount, closed.currency, "payment.amount")
    paid = _money(paid_minor, closed.currency)
    # Nothing paid for something charged leaves the whole claim with the patient: a denial.
    denied = paid_minor == 0 and bool(closed.services)
    reason = one_line(claim.disposition) or "the payer paid nothing"
    settled = RemittanceClaim(
        claim_id=closed.claim_id,
        encounter_id=closed.encounter_id,
        paid=paid,
        denied=denied,
        denial_reason=reason if denied else None,
    )
    insurer = payer(claim)
    if insurer is None:
        raise FhirUnreadable("a payment without insurer", "name the insurer who paid")
    day = (claim.payment and claim.payment.date) or claim.created
    return RemittanceReceived(
        remittance_id=str(closed.claim_id),
        payer=insurer,
        received_on=local_date(day, "payment.date") if day else None,
        total=paid,
        claims=(settled,),
    )


def _message(
    wire_type: str, message_id: str, sender: str, message: EncounterClosed | RemittanceReceived
) -> CloudEvent:
    data = _encode(message)
    try:
        inbound.decode(wire_type, data)
    except InboundInvalid as error:
        raise FhirUnreadable(str(error), "correct the resource") from error
    # Named after the claim and where it was provided, never after the file: a copy of a file under
    # another name must be the same messages.
    return CloudEvent(
        id=message_id,
        source=f"/fhir/{sender}",
        type=wire_type,
        datacontenttype="application/json",
        data=data,
    )


def _claim_id(claim: ExplanationOfBenefit) -> str:
    own = claim.claim and claim.claim.id
    written = next((name.value for name in claim.identifier if name.value), None)
    claim_id = own or written or claim.id
    if claim_id is None:
        raise FhirUnreadable("no claim, identifier or id", "give the claim an id")
    return claim_id


def _submitted_total(claim: ExplanationOfBenefit) -> Amount:
    for total in claim.total:
        if any(coding.code == "submitted" for coding in total.category.coding):
            return total.amount
    raise FhirUnreadable("no submitted total", "give `total` with the category 'submitted'")


def _services(claim: ExplanationOfBenefit, total: Amount) -> Iterator[Service]:
    for item, price_minor in zip(claim.item, line_prices(claim.item, total), strict=True):
        if price_minor == 0:
            continue  # no price, no charge: the line only says why something else was done
        code = _coding(item.product_or_service, item.sequence)
        quantity = _quantity(item, price_minor)
        concept = item.product_or_service
        yield Service(
            code=code.code or "",
            system=code.system or "",
            modifiers=tuple(_coding(one, item.sequence).code or "" for one in item.modifier),
            quantity=quantity,
            service_date=_service_date(item, claim),
            description=one_line((concept and concept.text) or code.display),
            unit_price=_money(price_minor // quantity, total.currency),
            line_id=str(item.sequence),
        )


def _coding(concept: CodeableConcept | None, sequence: int) -> Coding:
    for coding in concept.coding if concept else ():
        if coding.code and coding.system:
            return coding
    raise FhirUnreadable(
        f"item {sequence} has a price but no code with its system", "code the item"
    )


def _quantity(item: Item, price_minor: int) -> int:
    # `net` is for the whole line; where it does not divide exactly the line is one piece.
    value = item.quantity.value if item.quantity else None
    if value is None or not 1 <= value <= QUANTITY_MAX or value != value.to_integral_value():
        return 1
    return int(value) if price_minor % int(value) == 0 else 1


def _service_date(item: Item, claim: ExplanationOfBenefit) -> date:
    serviced = item.serviced_date or (item.serviced_period and item.serviced_period.start)
    return local_date(serviced or claim.created, f"item {item.sequence} serviced")


def _money(minor: int, currency: str) -> InboundMoney:
    return InboundMoney(amount=format_minor(minor, currency), currency=currency)
