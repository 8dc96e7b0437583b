"""Whose a FHIR resource is: sealed under that person's key, who is named to nobody else."""

from typing import Any

import pytest

from services.fhir.facts import facts_of, subject_asked, subject_id

KEY = b"k" * 32
LEDGERS = "urn:daybook:demo:patient"


def subject_of(type_: str, **fields: Any) -> str:
    found = facts_of("demo", {"resourceType": type_, "id": "r1", **fields}).subject
    assert found is not None
    return subject_id(KEY, found)


def of_charge(**reference: Any) -> str:
    return subject_of("ChargeItem", subject=reference)


def test_a_patient_of_the_ledger_is_the_ledgers_person_however_named() -> None:
    named = {"system": LEDGERS, "value": "p1"}
    assert subject_of("Patient", identifier=[{"system": "urn:x", "value": "7"}, named]) == "p1"
    assert subject_of("Patient") == "r1"
    for reference in ("Patient/p1", "https://h/fhir/Patient/p1/_history/3", "urn:uuid:p1"):
        assert of_charge(reference=reference) == "p1"
    assert of_charge(identifier=named) == "p1"
    assert subject_asked("p1") == subject_asked("Patient/p1") == "p1"
    spaced = of_charge(identifier=named | {"value": "a b"})
    assert spaced == subject_id(KEY, subject_asked("a b"))


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("ChargeItem", {"subject": {"display": "Nino Beridze"}}),
        ("ChargeItem", {"subject": {"extension": [{"url": "urn:x", "valueString": "Nino"}]}}),
        ("ChargeItem", {"subject": {"reference": "#pat"}, "contained": [{"id": "pat"}]}),
        ("Encounter", {"status": "planned"}),
        ("Account", {"status": "active"}),
        ("BillingWorkflow", {"inputs": {"name": "Nino"}}),
    ],
)
def test_what_says_of_nobody_is_sealed_by_itself(type_: str, fields: dict[str, Any]) -> None:
    assert subject_of(type_, **fields) == f"{type_}/r1"


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": {"reference": "Patient/p1", "display": "Nino"}},
        {"recipient": {"type": "Patient", "identifier": {"system": LEDGERS, "value": "p1"}}},
        {"participant": [{"actor": {"reference": "Patient/p1"}}]},
    ],
)
def test_whoever_is_named_elsewhere_is_the_person_where_there_is_no_subject(
    fields: dict[str, Any],
) -> None:
    assert subject_of("Invoice", **fields) == "p1"


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|123-45-6789"},
        {"reference": "Nino-Beridze-1980-01-02"},
        {"reference": " fhir-identifiers"},
        {"identifier": {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "123-45-6789"}},
        {"identifier": {"system": "urn:daybook:other:patient", "value": "p1"}},
        {"identifier": {"system": LEDGERS, "value": " fhir-identifiers"}},
        {"identifier": {"system": LEDGERS, "value": " temporal-payloads"}},
        {"identifier": {"system": LEDGERS, "value": "Ab" * 5000}},
    ],
)
def test_who_is_named_otherwise_is_a_hash_that_nobody_else_can_make(
    reference: dict[str, Any],
) -> None:
    found = of_charge(**reference)
    assert found.removeprefix("named/") != found
    assert len(found) == len("named/") + 32
    other = facts_of("demo", {"resourceType": "ChargeItem", "id": "r", "subject": reference})
    assert subject_id(b"x" * 32, str(other.subject)) != found
