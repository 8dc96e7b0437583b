"""Ids: TypeIDs named after what makes a thing unique, and the names of events."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID

from contracts.ids import derive, event_id, from_uuid, split_event_id

Parts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4)


def test_the_same_parts_give_the_same_id_for_ever() -> None:
    # Pinned: a release that derives other ids would do everything a second time.
    assert derive("acc", "demo", "p1", "USD") == "acc_4p7jnh458yh2csckvfaz3hnkxq"


@given(Parts, Parts)
def test_other_parts_give_another_id(one: list[str], other: list[str]) -> None:
    assert (derive("x", *one) == derive("x", *other)) is (one == other)


def test_where_a_part_ends_counts() -> None:
    ids = {
        derive("x", "ab", "c"),
        derive("x", "a", "bc"),
        derive("x", "abc"),
        derive("x", "abc", ""),
    }
    assert len(ids) == 4


@given(Parts)
def test_a_derived_id_is_a_typeid_of_a_uuid_of_version_8(parts: list[str]) -> None:
    typeid = TypeID.from_string(derive("chg", *parts))
    assert typeid.prefix == "chg"
    uuid = UUID(bytes=typeid.uuid.bytes)
    assert (uuid.version, uuid.variant) == (8, "specified in RFC 4122")


def test_an_edge_may_draw_an_id() -> None:
    uuid = UUID("0188bac7-4afa-78aa-bc3b-bd1eef28d881")
    assert from_uuid("acc", uuid) == f"acc_{TypeID.from_string(from_uuid('acc', uuid)).suffix}"
    assert TypeID.from_string(from_uuid("acc", uuid)).uuid.bytes == uuid.bytes


def test_an_event_is_named_by_its_stream_and_version() -> None:
    assert event_id("chg_1", 12) == "chg_1-12"
    assert split_event_id("chg_1-12") == ("chg_1", 12)
    assert split_event_id("a-b-3") == ("a-b", 3)


@pytest.mark.parametrize("name", ["", "chg_1", "chg_1-", "-1", "chg_1-x", "chg_1--1 ", "chg_1-1.0"])
def test_what_is_no_event_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no event id"):
        split_event_id(name)
