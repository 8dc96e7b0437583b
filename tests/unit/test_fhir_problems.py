"""What is wrong with a FHIR document is named by its place, and the rest goes on."""

from typing import Any

import pytest

from contracts import inbound
from services.intake.fhir import BundleReading, read_bundle
from tests.fixtures.fhir_bundles import DELETE, PATIENT, VISIT, bundle, claim, item, usd


def read(*resources: Any) -> BundleReading:
    return read_bundle(bundle(PATIENT, VISIT, *resources), "day.json")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"total": DELETE}, "no submitted total"),
        ({"total": [{"category": {"coding": [{"code": "benefit"}]}, "amount": usd("1")}]}, "total"),
        ({"patient": DELETE}, "no patient"),
        ({"patient": {"display": "somebody"}}, "no patient"),
        ({"item": DELETE}, "no item.encounter"),
        ({"item": [item(1, encounter=[])]}, "no item.encounter"),
        ({"item": [item(1, "9")]}, "sums to 9, the submitted total is 10"),
        ({"item": [item(1), item(2, "10.02")]}, "sums to 10.02"),
        ({"item": [item(1), item(2, "-3")]}, "net of item 2 -3 is negative"),
        ({"item": [item(1, net={"value": 10, "currency": "EUR"})]}, "is in EUR"),
        ({"item": [item(1, productOrService=DELETE)]}, "item 1 has a price but no code"),
        ({"item": [item(1, productOrService={"coding": [{"code": "1"}]})]}, "no code"),
        ({"item": [item(1, servicedPeriod={"start": "2026-03"})]}, "'2026-03' is no day"),
        (
            {"item": [item(1, productOrService={"coding": [{"system": "s", "code": "a b"}]})]},
            "code",
        ),
        ({"item": [item(1, servicedDate="0001-01-01")]}, "item 1 serviced` within the years"),
        ({"status": "entered-in-error"}, "entered-in-error"),
        ({"status": DELETE}, "None"),
        ({"use": "preauthorization"}, "preauthorization"),
        ({"claim": DELETE, "id": "x" * 300}, "$.claim_id"),
        ({"total": [{"category": {}, "amount": {"value": "ten"}}]}, "$.total[0].amount.value"),
        ({"item": {}}, "$.item"),
    ],
)
def test_a_claim_that_cannot_be_read_is_named_and_the_rest_goes_on(
    change: dict[str, Any], what: str
) -> None:
    bad = claim("10", "5", [item(1)], **change)
    good = claim("10", "5", [item(1)], claim={"reference": "urn:uuid:claim-2"})
    reading = read(bad, good)
    (problem,) = reading.problems
    assert what in problem.what
    assert (problem.source, problem.pointer) == ("day.json", "/entry/2/resource")
    assert problem.remedy
    assert str(problem).startswith("day.json#/entry/2/resource: ")
    assert [message.id for message in reading.messages] == [
        "claim-2/encounter",
        "claim-2/remittance",
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"payment": {"amount": usd("-5")}}, "payment.amount -5 is negative"),
        ({"payment": {"amount": {"value": 5, "currency": "GEL"}}}, "payment.amount is in GEL"),
        ({"insurer": DELETE}, "without insurer"),
        ({"payment": {"amount": usd("5"), "date": "soon"}}, "'soon' is no day"),
        ({"payment": {"amount": usd("5"), "date": "9999-12-31"}}, "`payment.date` within"),
    ],
)
def test_a_payment_that_cannot_be_read_leaves_the_encounter_standing(
    change: dict[str, Any], what: str
) -> None:
    reading = read(claim("10", "5", [item(1)], **change))
    assert [message.type for message in reading.messages] == [inbound.ENCOUNTER_CLOSED]
    assert what in reading.problems[0].what


@pytest.mark.parametrize("value", ["1e400", "1E+9999999999", "-1e-400", "90000000000001"])
def test_amounts_beyond_any_ledger_are_refused(value: str) -> None:
    document = bundle(PATIENT, VISIT, claim("77.25", None, [item(1)]))
    reading = read_bundle(document.replace(b"77.25", value.encode()), "big.json")
    assert len(reading.problems) == (0 if value == "-1e-400" else 1)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no JSON"),
        (b"not json", "no JSON"),
        (b'{"resourceType": "Bundle", "entry": [', "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"a":' * 200_000, "no JSON"),
        (b"[]", "no FHIR Bundle"),
        (b'"Bundle"', "no FHIR Bundle"),
        (b"{}", "without a resourceType"),
        (b'{"resourceType": "Patient"}', "but Patient"),
        (b'{"resourceType": "Bundle", "entry": {}}', "$.entry"),
        (b'{"resourceType": "Bundle"}', "no claims"),
        (b'{"resourceType": "Bundle", "entry": []}', "no claims"),
        (bundle(PATIENT, VISIT), "no claims"),
    ],
)
def test_a_document_that_is_no_bundle_of_claims_is_one_clear_problem(
    data: bytes, what: str
) -> None:
    reading = read_bundle(data, "bad.json")
    assert reading.messages == ()
    (problem,) = reading.problems
    assert what in problem.what
    assert problem.source == "bad.json"


@pytest.mark.parametrize("entry", [b"null", b"7", b'{"resource": 7}', b'{"resource": {"id": 1}}'])
def test_an_entry_that_is_no_resource_is_named_by_its_index(entry: bytes) -> None:
    document = bundle(PATIENT, VISIT, claim("10", None, [item(1)]))
    reading = read_bundle(document.replace(b'"entry": [', b'"entry": [' + entry + b", "), "x")
    assert [problem.pointer for problem in reading.problems] == ["/entry/0/resource"]
    assert len(reading.messages) == 1


def test_an_entry_without_resource_and_a_byte_order_mark_are_no_problem() -> None:
    document = bundle(PATIENT, VISIT, claim("10", None, [item(1)]))
    document = document.replace(b'"entry": [', b'"entry": [{"request": {}}, {"resource": null}, ')
    assert read_bundle(b"\xef\xbb\xbf" + document, "x").problems == ()


def test_invalid_utf8_in_one_resource_harms_no_other() -> None:
    claims = [
        claim("10", None, [item(1)], claim={"reference": "urn:uuid:" + name}) for name in "ab"
    ]
    reading = read_bundle(bundle(PATIENT, VISIT, *claims).replace(b"uuid:a", b"uuid:\xff"), "x")
    assert [problem.pointer for problem in reading.problems] == ["/entry/2/resource"]
    assert [message.id for message in reading.messages] == ["b/encounter"]


@pytest.mark.parametrize(
    "end", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01"]
)
def test_an_encounter_that_ended_when_nobody_billed_is_named(end: str) -> None:
    visit = {**VISIT, "period": {"start": end, "end": end}}
    reading = read_bundle(bundle(PATIENT, visit, claim("10", None, [item(1)])), "day.json")
    (problem,) = reading.problems
    assert "`the end of the encounter` within the years 1900 to 2199" in problem.what
