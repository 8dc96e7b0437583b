"""The published schema of a workflow's file takes and refuses what the reader does."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts import publish
from domain.plan import PlanInvalid, compile_plan

SCHEMA = json.loads((publish.FOLDER / f"{publish.WORKFLOW}.json").read_text())
A = {"id": "a", "script": "./activities/a.py"}


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("definition", "is_valid"),
    [
        ({"id": "w", "activities": [A]}, True),
        ({"id": "w", "activities": [A | {"activities": [A | {"id": "b"}]}]}, True),
        ({"id": "w", "activities": [A | {"params": {"x": [1, None]}, "applicability": [0]}]}, True),
        ({"id": "w", "activities": [A | {"retry": {"attempts": 2}, "non_retryable": True}]}, True),
        ({"id": "w", "activities": []}, False),
        ({"activities": [A]}, False),
        ({"id": "w", "activities": [A], "more": 1}, False),
        ({"id": "w", "activities": [{"id": "a"}]}, False),
        ({"id": "w", "activities": [A | {"id": "a.b"}]}, False),
        ({"id": "w", "activities": [A | {"params": []}]}, False),
        ({"id": "w", "activities": [A | {"retry": {"attempts": 0}}]}, False),
        ({"id": "w", "activities": [A | {"timeout_seconds": "9"}]}, False),
        ({"id": "w", "activities": [A | {"activities": [{"id": "b"}]}]}, False),
    ],
)
def test_schema_and_reader_agree(definition: dict[str, Any], is_valid: bool) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(definition) is is_valid
    try:
        compile_plan(json.dumps(definition), "w.yaml")
        is_read = True
    except PlanInvalid:
        is_read = False
    assert is_read is is_valid
