"""Whatever is sent to the FHIR store, it is a resource that is kept as it was, or a refusal."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fhir.content import decode, encode
from services.fhir.facts import facts_of, tokens_of
from services.fhir.patching import patched
from services.fhir.problem import FhirProblem
from services.fhir.stored import as_written, stored
from services.fhir.validating import validate

AT = datetime(2026, 1, 2, tzinfo=UTC)
VALID: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:mrn", "value": "7"}],
        "name": [{"family": "Beridze", "given": ["Nino"]}],
        "birthDate": "1980-01-02",
    },
    {
        "resourceType": "ChargeItem",
        "status": "billed",
        "code": {"coding": [{"system": "urn:cpt", "code": "99213"}]},
        "subject": {"type": "Patient", "identifier": {"system": "urn:x", "value": "p"}},
        "quantity": {"value": Decimal("1.50")},
    },
    {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/1"}]},
    {
        "resourceType": "BillingWorkflow",
        "status": "in-progress",
        "identifier": [{"system": "urn:temporal:run-id", "value": "r"}],
        "executionPeriod": {"start": "2026-01-02T10:00:00Z"},
    },
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["{}", '{"reference":"x"}', "\0", "Patient/", "9999-99-99", "en", "1"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "reference", "identifier", "id", "x"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["id", "meta", "text", "status", "subject", "identifier", "contained", "extension", "_status"]
)


def places(value: Any, path: str = "") -> list[str]:
    """JSON Pointers to everything in it."""
    parts: Any = enumerate(value) if isinstance(value, list) else ()
    parts = value.items() if isinstance(value, dict) else parts
    return [path, *(each for name, part in parts for each in places(part, f"{path}/{name}"))]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A resource of which parts are something else."""
    resource: dict[str, Any] = deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(places(resource)[1:])) or "/x"
        resource = patched(resource, [{"op": "replace", "path": path, "value": draw(VALUES)}])
    if draw(st.booleans()):
        resource[draw(NAMES)] = draw(VALUES)
    return resource


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_a_resource_is_kept_as_it_was_or_refused(sent: dict[str, Any]) -> None:
    try:
        resource = {**validate(str(sent["resourceType"]), sent), "id": "r1"}
        text = as_written(resource, "r1")
    except FhirProblem:
        return
    facts = facts_of("demo", resource)
    assert tokens_of(b"k" * 32, facts.identifiers) is not None
    assert "\0" not in f"{facts.subject}{facts.status}"
    found = stored(1, AT, text, "", None).resource
    said = {name: value for name, value in found.items() if name != "meta"}
    assert said == {name: value for name, value in resource.items() if name != "meta"}


@settings(max_examples=200, deadline=None)
@given(
    VALUES,
    st.lists(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
                "path": st.sampled_from(["", "/0", "/-", "/value", "/value/0", "/x/id", "/~0"]),
                "from": st.sampled_from(["", "/0", "/value", "/value/0"]),
                "value": VALUES,
            }
        ),
        max_size=5,
    ),
)
def test_a_patch_is_done_whole_or_not_at_all(document: Any, operations: Any) -> None:
    before = deepcopy(document)
    try:
        changed = patched(document, operations)
        decode(encode(changed))
    except FhirProblem:
        pass  # refused as a whole: what was given is looked at below
    assert document == before
