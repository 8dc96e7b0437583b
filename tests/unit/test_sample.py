"""The shipped sample: always the same, priced by its own price list, with its faults in place."""

from datetime import date
from itertools import combinations

import pytest

from contracts import inbound
from contracts.cloudevent import CloudEvent, NotACloudEvent, from_nats, to_nats_binary
from contracts.inbound import EncounterClosed, InboundInvalid, RemittanceReceived, Service
from contracts.money import parse_minor
from services.intake.sample import DAY, NO_CLOUD_EVENT, UNKNOWN_CODE, clinic_day
from services.intake.sample_tables import SamplePrice, price_list


def read(
    events: list[CloudEvent],
) -> tuple[list[EncounterClosed], list[RemittanceReceived], list[str]]:
    encounters, remittances, errors = [], [], []
    for event in events:
        try:
            message = inbound.decode(event.type, event.data)
        except InboundInvalid as error:
            errors.append(str(error))
            continue
        if isinstance(message, EncounterClosed):
            encounters.append(message)
        elif isinstance(message, RemittanceReceived):
            remittances.append(message)
    return encounters, remittances, errors


def price_minor(closed: EncounterClosed, service: Service) -> int | None:
    if service.unit_price is not None:
        return service.unit_price.minor * service.quantity
    found = [
        parse_minor(price.amount, price.currency) * service.quantity
        for price in price_list()
        if (price.code, price.currency) == (service.code, closed.currency)
        and price.facility in (closed.facility, "*")
        and covers(price, service.service_date)
    ]
    assert len(found) < 2
    return found[0] if found else None


def covers(price: SamplePrice, day: date) -> bool:
    return price.valid_from <= day and (price.valid_to is None or day <= price.valid_to)


def test_the_same_arguments_give_the_same_bytes() -> None:
    first = [to_nats_binary(event) for event in clinic_day(60)]
    assert first == [to_nats_binary(event) for event in clinic_day(60)]
    assert [from_nats(*message) for message in first] == list(clinic_day(60))


def test_a_change_of_the_sample_is_noticed() -> None:
    # What the day says must not depend on the version of Python.
    event = next(clinic_day())
    assert (event.id, event.source) == ("E1-00001", "/sample/hill-street-clinic")
    assert "Iñaki Ordóñez".encode() in event.data


def test_no_id_occurs_twice_even_over_seeds() -> None:
    events = [*clinic_day(60, seed=1), *clinic_day(60, seed=2)]
    assert len({(event.source, event.id) for event in events}) == len(events)


@pytest.mark.parametrize("patients", [0, 1, 400])
def test_one_message_is_malformed_and_one_encounter_waits_for_a_price(patients: int) -> None:
    encounters, remittances, errors = read(list(clinic_day(patients)))
    assert len(encounters) == patients + 1
    assert len(errors) == 1
    assert "$.services[0].quantity" in errors[0]
    unpriced = [
        (closed.encounter_id, service.code)
        for closed in encounters
        for service in closed.services
        if price_minor(closed, service) is None
    ]
    assert unpriced == [("E1-unpriced", UNKNOWN_CODE)]
    assert bool(remittances) == (patients == 400)


def test_the_day_shows_what_a_ledger_has_to_cope_with() -> None:
    encounters, remittances, _ = read(list(clinic_day()))
    assert {closed.currency for closed in encounters} == {"USD", "AFN", "GEL"}
    assert len({closed.facility for closed in encounters}) == 4
    assert {closed.language for closed in encounters} == {"en", "es", "prs", "ps", "ka"}
    assert {len(closed.services) for closed in encounters} == {1, 2, 3, 4, 5}
    services = [service for closed in encounters for service in closed.services]
    assert any(service.quantity > 1 for service in services)
    assert any(service.unit_price for service in services)
    assert any(service.service_date < DAY for service in services)
    claims = [claim for remittance in remittances for claim in remittance.claims]
    assert any(claim.denied for claim in claims)
    assert any(claim.adjustments for claim in claims)
    assert any(not claim.denied and not claim.adjustments for claim in claims)


def test_remittances_tie_and_never_exceed_what_was_billed() -> None:
    encounters, remittances, _ = read(list(clinic_day()))
    billed = {
        closed.claim_id: sum(price_minor(closed, service) or 0 for service in closed.services)
        for closed in encounters
        if closed.coverage
    }
    claims = [claim for remittance in remittances for claim in remittance.claims]
    assert len(claims) == len(billed)
    assert {claim.claim_id for claim in claims} == set(billed)
    for claim in claims:
        written_off = sum(adjustment.amount.minor for adjustment in claim.adjustments)
        assert 0 <= claim.paid.minor + written_off <= billed[claim.claim_id]
        assert claim.denied == (claim.paid.minor == 0)
    for remittance in remittances:
        paid_minor = sum(claim.paid.minor for claim in remittance.claims)
        assert remittance.total.minor == paid_minor
        assert {claim.paid.currency for claim in remittance.claims} == {remittance.total.currency}


def test_windows_of_one_price_never_overlap() -> None:
    for one, other in combinations(price_list(), 2):
        if (one.facility, one.code, one.currency) == (other.facility, other.code, other.currency):
            assert (one.valid_to or date.max) < other.valid_from


def test_a_message_without_envelope_is_refused_with_advice() -> None:
    with pytest.raises(NotACloudEvent, match="specversion"):
        from_nats(None, NO_CLOUD_EVENT)
