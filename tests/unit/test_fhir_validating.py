"""What the library takes for a resource and FHIR R4 does not: it would be kept as it was sent."""

from decimal import Decimal
from typing import Any

import pytest

from services.fhir.problem import FhirProblem
from services.fhir.validating import validate

PAYMENT = {
    "status": "active",
    "created": "2026-01-01",
    "paymentDate": "2026-01-01",
    "paymentAmount": {"value": 1},
}


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("Patient", {"active": "yes"}),
        ("Patient", {"active": 1}),
        ("Patient", {"multipleBirthInteger": "5"}),
        ("Patient", {"multipleBirthInteger": True}),
        ("Patient", {"birthDate": 1234567890}),
        ("Patient", {"gender": "banana"}),
        ("Patient", {"name": []}),
        ("Patient", {"contact": [{}]}),
        ("Invoice", {"status": "draft", "totalNet": {"value": "1.50"}}),
        ("Invoice", {"status": "draft", "totalNet": {"value": True}}),
        ("PaymentReconciliation", PAYMENT | {"outcome": "banana"}),
        (
            "BillingWorkflow",
            {"status": "failed", "executionPeriod": {"end": "2026-99-99T::::::::Z"}},
        ),
    ],
)
def test_what_the_library_reads_kindly_is_refused(type_: str, fields: dict[str, Any]) -> None:
    with pytest.raises(FhirProblem):
        validate(type_, {"resourceType": type_, **fields})


def test_what_is_right_is_taken() -> None:
    good: dict[str, Any] = {
        "resourceType": "Patient",
        "active": True,
        "gender": "female",
        "birthDate": "1980-01-02",
        "deceasedDateTime": "2026-01-02T10:00:00Z",
        "meta": {"lastUpdated": "2026-01-02T10:00:00.000Z", "profile": ["urn:x"]},
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
        "name": [{"given": ["Nino"], "period": {"start": "2020-01"}}],
        "photo": [{"data": "aGVsbG8=", "url": "http://h/x", "size": 7}],
        "extension": [{"url": "urn:x", "valueDecimal": Decimal("1.10")}],
    }
    assert validate("Patient", good) is good
    bill = {"resourceType": "Invoice", "status": "draft", "totalNet": {"value": 1}}
    assert validate("Invoice", bill) is bill
    assert validate("PaymentReconciliation", PAYMENT | {"resourceType": "PaymentReconciliation"})
