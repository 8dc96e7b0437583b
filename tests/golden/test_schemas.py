"""The published schemas: what the contracts say, valid to their own validators, and true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker, ValidationError

from contracts import bus, publish
from contracts.asyncapi import asyncapi
from contracts.catalogue import CATALOGUE, Entry
from contracts.inbound import INBOUND
from tests.fixtures.golden import GOLDEN, golden_body

SCHEMAS = publish.schemas()
ENTRIES = [pytest.param(entry, id=entry.wire_type) for entry in CATALOGUE]
OFFICIAL = Draft7Validator(json.loads((GOLDEN / "asyncapi-3.0.0.json").read_bytes()))


def validator(wire_type: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[wire_type], format_checker=FormatChecker())


def test_the_committed_documents_are_those_of_the_contracts() -> None:
    found = publish.documents()
    committed = {path.name: path.read_text() for path in publish.FOLDER.glob("*.json")}
    outdated = [name for name, text in found.items() if committed.get(name) != text]
    assert outdated == [], "run `python -m contracts.publish` and commit contracts/schemas"
    stale = {name for name in committed if re.search(r"\.v\d+\.json$", name)} - found.keys()
    assert stale == set()


def test_publishing_replaces_and_removes(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    publish.publish(folder)
    (folder / "billing.charge.melted.v1.json").write_text("{}")
    (folder / "openapi.json").write_text("{}")
    (folder / "asyncapi.json").write_text("{}")
    publish.publish(folder)
    assert {path.name for path in folder.iterdir()} == {*publish.documents(), "openapi.json"}
    assert (folder / "asyncapi.json").read_text() == publish.documents()["asyncapi.json"]


@pytest.mark.parametrize("wire_type", SCHEMAS)
def test_every_schema_is_a_valid_schema(wire_type: str) -> None:
    schema = SCHEMAS[wire_type]
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == wire_type
    assert schema["$id"] == bus.schema_of(wire_type)
    assert schema["description"]


def test_every_message_has_a_schema() -> None:
    assert SCHEMAS.keys() == {message.wire_type for message in (*CATALOGUE, *INBOUND)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_golden_bodies_are_valid(entry: Entry) -> None:
    validator(entry.wire_type).validate(json.loads(golden_body(entry.wire_type)))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_golden_body_without_a_required_field_is_invalid(entry: Entry) -> None:
    for name in SCHEMAS[entry.wire_type]["required"]:
        body = json.loads(golden_body(entry.wire_type))
        del body[name]
        with pytest.raises(ValidationError, match=name):
            validator(entry.wire_type).validate(body)


def test_a_reader_of_today_reads_a_value_that_is_added_tomorrow() -> None:
    body = json.loads(golden_body("billing.payment.posted.v1"))
    body["method"] = "cheque"
    validator("billing.payment.posted.v1").validate(body)
    method = SCHEMAS["billing.payment.posted.v1"]["$defs"]["PaymentMethod"]
    assert "cash" in method["x-extensible-enum"]


def test_only_retired_versions_are_deprecated() -> None:
    deprecated = {name for name, schema in SCHEMAS.items() if schema.get("deprecated")}
    assert deprecated == {entry.wire_type for entry in CATALOGUE if entry.upcast}


def test_the_asyncapi_document_is_valid() -> None:
    assert [error.message for error in OFFICIAL.iter_errors(asyncapi())] == []


@pytest.mark.parametrize("part", ["info", "channels", "operations"])
def test_a_broken_asyncapi_document_is_told(part: str) -> None:
    assert not OFFICIAL.is_valid(asyncapi() | {part: "nonsense"})


def test_every_reference_of_the_asyncapi_document_leads_somewhere_inside_it() -> None:
    document = asyncapi()
    for reference in references_in(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def references_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        for value in part.values():
            yield from references_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from references_in(value)


def test_channels_are_the_subjects() -> None:
    channels = asyncapi()["channels"]
    for entry in CATALOGUE:
        address = channels[entry.wire_type]["address"].format(tenant="demo", partition=7)
        assert address == bus.subject_of("demo", 7, entry.wire_type)
    for message in INBOUND:
        address = channels[message.wire_type]["address"].format(tenant="demo")
        assert address == f"intake.demo.{message.wire_type}"
    assert channels["daybook.checkpoint"]["address"] == bus.CHECKPOINTS_SUBJECT


def test_every_message_is_sent_or_received_under_its_own_name() -> None:
    document = asyncapi()
    sent = {f"send.{entry.wire_type}" for entry in CATALOGUE}
    received = {f"receive.{message.wire_type}" for message in INBOUND}
    assert document["operations"].keys() == sent | received | {"send.daybook.checkpoint"}
    for wire_type, message in document["components"]["messages"].items():
        if wire_type == "daybook.checkpoint":
            continue  # a note, which has no headers of CloudEvents
        constants = message["headers"]["allOf"][1]["properties"]
        assert constants["ce-type"] == {"const": wire_type}
