"""The catalogue keeps its promise: what was released can be read for ever, and never changes."""

import json
import re
from typing import Any

import msgspec
import pytest

from contracts import catalogue
from contracts.catalogue import CATALOGUE, Entry, UnknownEventType
from contracts.event import Event, Posted
from contracts.money import Money
from tests.fixtures.golden import GOLDEN, enum_values, golden_body, shape_digest, unfilled

ENTRIES = [pytest.param(entry, id=entry.wire_type) for entry in CATALOGUE]
RETIRED = [pytest.param(entry, id=entry.wire_type) for entry in CATALOGUE if entry.upcast]
CURRENT = {entry.name: entry for entry in CATALOGUE if entry.upcast is None}
PINNED = json.loads((GOLDEN / "shapes.json").read_bytes())


def test_every_released_version_has_a_golden_body() -> None:
    found = {path.stem for path in (GOLDEN / "events").iterdir()}
    assert found == {entry.wire_type for entry in CATALOGUE}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_golden_body_fills_every_field(entry: Entry) -> None:
    assert list(unfilled(json.loads(golden_body(entry.wire_type)), entry.shape)) == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_golden_body_is_what_its_version_stores(entry: Entry) -> None:
    body = golden_body(entry.wire_type)
    assert catalogue.encode(msgspec.json.decode(body, type=entry.shape)) == body


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_released_version_decodes_to_the_current_shape(entry: Entry) -> None:
    event = catalogue.decode(entry.wire_type, golden_body(entry.wire_type))
    assert type(event) is CURRENT[entry.name].shape


@pytest.mark.parametrize("entry", RETIRED)
def test_a_retired_version_is_brought_up_to_date_as_it_always_was(entry: Entry) -> None:
    event = catalogue.decode(entry.wire_type, golden_body(entry.wire_type))
    assert catalogue.encode(event) == golden_body(entry.wire_type, "upcast")


@pytest.mark.parametrize("entry", ENTRIES)
def test_fields_that_a_later_release_adds_are_passed_over(entry: Entry) -> None:
    body = golden_body(entry.wire_type)
    later = b'{"added_later":{"a":[1]},' + body.removeprefix(b"{")
    assert catalogue.decode(entry.wire_type, later) == catalogue.decode(entry.wire_type, body)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_body_that_lacks_a_field_is_refused(entry: Entry) -> None:
    with pytest.raises(msgspec.ValidationError):
        catalogue.decode(entry.wire_type, b"{}")


@pytest.mark.parametrize("entry", ENTRIES)
def test_golden_postings_sum_to_zero(entry: Entry) -> None:
    event = catalogue.decode(entry.wire_type, golden_body(entry.wire_type))
    if isinstance(event, Posted):
        assert sum(posting.amount_minor for posting in event.postings) == 0


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_released_shape_never_changes(entry: Entry) -> None:
    pinned = PINNED["types"].get(entry.wire_type)
    digest = shape_digest(entry.shape)
    assert pinned is not None, f'new: add "{entry.wire_type}": "{digest}" to golden/shapes.json'
    assert pinned == digest, (
        f"{entry.wire_type} is another shape now ({digest}): leave it as it was, retire it beside"
        " its upcaster and give the new shape the next version"
    )


def test_nothing_that_was_released_is_dropped() -> None:
    assert PINNED["types"].keys() <= {entry.wire_type for entry in CATALOGUE}


def test_values_of_an_enumeration_stay() -> None:
    found: dict[str, list[str]] = {}
    for entry in CATALOGUE:
        found |= enum_values(entry.shape)
    assert {name: sorted(values) for name, values in found.items()} == PINNED["enums"], (
        "a value may be added here and to golden/shapes.json; none may be taken away or renamed"
    )


def test_names_follow_the_pattern_and_versions_count_from_one() -> None:
    versions: dict[str, list[Entry]] = {}
    for entry in CATALOGUE:
        assert re.fullmatch(r"billing\.[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", entry.name)
        versions.setdefault(entry.name, []).append(entry)
    for of_one_name in versions.values():
        assert [entry.version for entry in of_one_name] == list(range(1, len(of_one_name) + 1))
        assert [entry.upcast is None for entry in of_one_name].index(True) == len(of_one_name) - 1


def test_a_shape_has_one_wire_type() -> None:
    for entry in CATALOGUE:
        assert catalogue.wire_type(entry.shape) == entry.wire_type
    assert catalogue.subject_parts("billing.charge.captured.v1") == ("charge", "captured", "v1")


@pytest.mark.parametrize("type_", ["billing.charge.melted.v1", "billing.charge.captured.v99", ""])
def test_a_type_that_is_not_in_the_catalogue_is_refused(type_: str) -> None:
    with pytest.raises(UnknownEventType, match=re.escape(repr(type_))):
        catalogue.decode(type_, b"{}")


class Original(Event, frozen=True, kw_only=True):
    """A shape of this test."""

    description: str
    amount: Money
    notes: tuple[str, ...] = ()


def edited(fields: list[tuple[Any, ...]]) -> Any:
    """A shape that an edit of `Original` could have led to."""
    return msgspec.defstruct("Edited", fields, bases=(Event,), frozen=True, kw_only=True)


UNCHANGED = [("description", str), ("amount", Money), ("notes", tuple[str, ...], ())]


def test_a_digest_does_not_depend_on_names_of_classes_or_their_docs() -> None:
    assert shape_digest(edited(UNCHANGED)) == shape_digest(Original)


@pytest.mark.parametrize(
    "fields",
    [
        UNCHANGED[1:],
        [*UNCHANGED, ("more", str | None, None)],
        [("description", str | None), *UNCHANGED[1:]],
        [UNCHANGED[0], ("amount", str), UNCHANGED[2]],
        [*UNCHANGED[:2], ("notes", tuple[int, ...], ())],
        [*UNCHANGED[:2], ("notes", tuple[str, ...])],
        [("details", str), *UNCHANGED[1:]],
    ],
)
def test_a_digest_tells_an_edit(fields: list[tuple[Any, ...]]) -> None:
    assert shape_digest(edited(fields)) != shape_digest(Original)


def test_an_empty_field_of_a_golden_body_is_found() -> None:
    body = {"description": "x", "amount": {"amount": "1.00"}, "notes": []}
    assert list(unfilled(body, Original)) == ["$.amount.currency", "$.notes"]
