"""FHIR bundles as messages: charges add up to the submitted totals and payments to theirs."""

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import inbound
from contracts.cloudevent import CloudEvent
from contracts.inbound import EncounterClosed, RemittanceReceived
from services.intake.fhir import BundleReading, read_bundle, read_files
from services.intake.fhir_resources import Reference
from tests.fixtures.fhir_bundles import PATIENT, VISIT, bundle, claim, item

CENT = Decimal("0.01")
REAL_BUNDLES = Path(__file__).parents[2].parent / "shared/data/synthea"


def read(*resources: Any) -> BundleReading:
    return read_bundle(bundle(PATIENT, VISIT, *resources), "day.json")


def encounter(message: CloudEvent) -> EncounterClosed:
    closed = inbound.decode(message.type, message.data)
    assert isinstance(closed, EncounterClosed)
    return closed


def remittance(message: CloudEvent) -> RemittanceReceived:
    received = inbound.decode(message.type, message.data)
    assert isinstance(received, RemittanceReceived)
    return received


def only_encounter(*resources: Any) -> EncounterClosed:
    reading = read(*resources)
    assert reading.problems == ()
    return encounter(reading.messages[0])


def prices(closed: EncounterClosed) -> list[tuple[str, int]]:
    return [
        (service.code, service.unit_price.minor * service.quantity)
        for service in closed.services
        if service.unit_price is not None
    ]


def rounded_cents(value: Decimal) -> int:
    return int(value.quantize(CENT, ROUND_HALF_EVEN) * 100)


def documents() -> list[bytes]:
    """Bundles with every trap of the real ones, and the real ones where they lie beside us."""
    first = claim("265.52", "112.41600000000001", [item(1), item(2, "140.52"), item(3)])
    second = claim("125", "0", [item(1), item(2)], claim={"reference": "urn:uuid:claim-2"})
    halves = [item(1, "0.335"), item(2, "0.335")]
    third = claim("0.67", "0.005", halves, claim={"reference": "urn:uuid:claim-3"})
    built = [bundle(PATIENT, VISIT, first, second), bundle(PATIENT, VISIT, third)]
    return built + [file.read_bytes() for file in sorted(REAL_BUNDLES.glob("*.json"))]


def test_charges_add_up_to_the_submitted_totals_and_payments_to_theirs() -> None:
    charged_minor = paid_minor = submitted_minor = payments_minor = 0
    ids: set[tuple[str, str]] = set()
    for document in documents():
        reading = read_bundle(document, "real")
        assert reading.problems == ()
        for message in reading.messages:
            ids.add((message.source, message.id))
            if message.type == inbound.ENCOUNTER_CLOSED:
                charged_minor += sum(price for _, price in prices(encounter(message)))
            else:
                received = remittance(message)
                paid_minor += received.total.minor
                assert received.total.minor == received.claims[0].paid.minor
        for entry in json.loads(document, parse_float=Decimal, parse_int=Decimal)["entry"]:
            if entry["resource"]["resourceType"] == "ExplanationOfBenefit":
                totals = entry["resource"]["total"]
                (submitted,) = (
                    total["amount"]["value"]
                    for total in totals
                    if total["category"]["coding"][0]["code"] == "submitted"
                )
                submitted_minor += rounded_cents(submitted)
                payments_minor += rounded_cents(entry["resource"]["payment"]["amount"]["value"])
    assert (charged_minor, paid_minor) == (submitted_minor, payments_minor)
    assert charged_minor > 0
    assert len(ids) == sum(len(read_bundle(one, "again").messages) for one in documents())


def test_the_same_file_under_another_name_gives_the_same_messages_to_the_byte() -> None:
    for document in documents():
        assert read_bundle(document, "a").messages == read_bundle(document, "b").messages


def test_a_claim_is_an_encounter_and_a_remittance_under_its_own_id() -> None:
    reading = read(claim("300", "80.125", [item(1), item(2, "200.004")]))
    closed, received = encounter(reading.messages[0]), remittance(reading.messages[1])
    assert (closed.claim_id, closed.encounter_id) == ("claim-1", "enc-1")
    assert (closed.patient.patient_id, closed.patient.name) == ("pat-1", "Natalia K. Beridze")
    assert (closed.facility, closed.language, closed.currency) == ("org-1", "ka", "USD")
    assert closed.closed_at == datetime(2026, 3, 3, 5, 15, tzinfo=UTC)
    assert closed.coverage == inbound.Coverage(payer="Blue Shield")
    assert prices(closed) == [("code-1", 10000), ("code-2", 20000)]
    assert [service.line_id for service in closed.services] == ["1", "2"]
    assert (received.remittance_id, received.payer) == ("claim-1", "Blue Shield")
    assert (received.claims[0].claim_id, received.claims[0].encounter_id) == ("claim-1", "enc-1")
    assert received.total.amount == "80.12"  # half-even
    assert received.received_on == date(2026, 3, 5)
    assert not received.claims[0].denied
    assert [(message.source, message.id) for message in reading.messages] == [
        ("/fhir/org-1", "claim-1/encounter"),
        ("/fhir/org-1", "claim-1/remittance"),
    ]


def test_the_service_date_is_the_day_the_calendar_on_the_wall_showed() -> None:
    (service,) = only_encounter(claim("10", None, [item(1)])).services
    assert service.service_date == date(2026, 3, 2)  # 3 March in UTC


def test_only_the_first_item_without_net_is_charged_and_one_without_price_is_not() -> None:
    closed = only_encounter(claim("30", None, [item(1, "20"), item(2), item(3), item(4, "0")]))
    assert prices(closed) == [("code-1", 2000), ("code-2", 1000)]


def test_nothing_left_of_the_total_is_no_charge() -> None:
    closed = only_encounter(claim("20", None, [item(1), item(2, "20")]))
    assert prices(closed) == [("code-2", 2000)]


def test_an_encounter_for_nothing_is_still_reported() -> None:
    reading = read(claim("0", "0", [item(1)]))
    assert encounter(reading.messages[0]).services == ()
    assert not remittance(reading.messages[1]).claims[0].denied


def test_a_zero_payment_is_a_denial_and_no_payment_is_no_remittance() -> None:
    denied = remittance(read(claim("20", "0.001", [item(1)])).messages[1])
    assert (denied.total.minor, denied.claims[0].denied) == (0, True)
    assert denied.claims[0].denial_reason == "the payer paid nothing"
    reading = read(claim("20", None, [item(1)]))
    assert ([m.type for m in reading.messages], reading.problems) == (
        [inbound.ENCOUNTER_CLOSED],
        (),
    )


def test_net_is_the_price_of_the_line_whatever_its_quantity() -> None:
    three, part = {"value": 3}, {"value": 1.5}
    items = [item(1, "15", quantity=three), item(2, "10.01", quantity=three)]
    closed = only_encounter(claim("30.01", None, [*items, item(3, quantity=part)]))
    assert [service.quantity for service in closed.services] == [3, 1, 1]
    assert sum(price for _, price in prices(closed)) == 3001


def test_line_rounding_never_changes_the_total() -> None:
    # Each 0.335 alone rounds to 0.34, together they are 0.67.
    closed = only_encounter(claim("0.67", None, [item(1, "0.335"), item(2, "0.335")]))
    assert sorted(price for _, price in prices(closed)) == [33, 34]


def test_what_is_referred_to_may_lie_in_another_bundle() -> None:
    alone = claim(
        "10",
        None,
        [item(1, encounter=[{"reference": "Encounter/enc-9"}])],
        patient={"reference": "http://example.org/fhir/Patient/pat-9/_history/2"},
        facility={"reference": "Location/loc-9"},
        created="2026-03-04",
    )
    closed = only_encounter(alone)
    assert (closed.encounter_id, closed.patient.patient_id) == ("enc-9", "pat-9")
    assert (closed.facility, closed.patient.name) == ("loc-9", None)
    assert closed.closed_at == datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "facility"),
    [("Organization/org-7", "org-7"), ("Organization?identifier=urn:x|org-7", "org-7")],
)
def test_the_place_may_be_the_organization_that_provided(provider: str, facility: str) -> None:
    elsewhere = [item(1, encounter=[{"reference": "Encounter/enc-9"}])]
    alone = claim("10", None, elsewhere, provider={"reference": provider})
    assert only_encounter(alone).facility == facility


def test_a_practitioner_is_no_place() -> None:
    elsewhere = [item(1, encounter=[{"reference": "Encounter/enc-9"}])]
    doctor = claim("10", None, elsewhere, provider={"reference": "Practitioner/7"})
    assert "serviceProvider" in read(doctor).problems[0].what


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("urn:uuid:7d", "7d"),
        ("Patient/7", "7"),
        ("https://h/fhir/Patient/7/_history/3", "7"),
        ("Patient?identifier=https://s|7", "7"),
        ("#contained", "#contained"),
        ("", None),
    ],
)
def test_a_reference_gives_the_id_of_what_it_refers_to(written: str, expected: str | None) -> None:
    assert Reference(reference=written).id == expected


def test_files_are_read_one_by_one_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b"oops")
    (tmp_path / "a.json").write_bytes(bundle(PATIENT, VISIT, claim("10", None, [item(1)])))
    (tmp_path / "README.md").write_text("no data")
    readings = list(read_files([tmp_path, tmp_path / "gone.json"]))
    assert [Path(reading.source).name for reading in readings] == ["a.json", "b.json", "gone.json"]
    assert [len(reading.problems) for reading in readings] == [0, 1, 1]
    assert "cannot be opened" in readings[2].problems[0].what
