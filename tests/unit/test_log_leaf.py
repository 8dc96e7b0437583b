"""The leaf and the tree as published: who reads contracts/log.py gets the same bytes."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from contracts import log

EVENT = {
    "log_id": "log_01h455vb4pex5vsknk084sn02q",
    "position": 260,
    "tenant": "demo",
    "tenant_position": 7,
    "stream_id": "chg_01h455vb4pex5vsknk084sn02r",
    "version": 3,
    "type_": "billing.charge.captured.v1",
    "recorded_at_us": 1_772_368_215_123_456,
    "body_digest": hashlib.sha256(b'{"total":{"amount":"1.00","currency":"EUR"}}').digest(),
    "metadata_digest": hashlib.sha256(b'{"actor":"cli"}').digest(),
}
OTHER_VALUES = {
    "log_id": "log_01h455vb4pex5vsknk084sn02s",
    "position": 261,
    "tenant": "demp",
    "tenant_position": 8,
    "stream_id": "chg_01h455vb4pex5vsknk084sn02t",
    "version": 4,
    "type_": "billing.charge.captured.v2",
    "recorded_at_us": 1_772_368_215_123_457,
    "body_digest": hashlib.sha256(b"").digest(),
    "metadata_digest": hashlib.sha256(b" ").digest(),
}
GOLDEN = "d730b08e57519b32c4c38f9c33490778f03d254d2dd186d4564b342f38b0f996"
# From the test data of the Certificate Transparency reference implementation (merkle_tree_test.cc).
CT_LEAVES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_the_leaf_of_an_event_is_the_published_one() -> None:
    assert log.leaf(**EVENT).hex() == GOLDEN  # type: ignore[arg-type]  # the values have the types


def test_the_leaf_follows_the_documented_framing_to_the_byte() -> None:
    framed = b"".join(
        len(field).to_bytes(4, "big") + field
        for field in (
            b"log_01h455vb4pex5vsknk084sn02q",
            (260).to_bytes(8, "big", signed=True),
            b"demo",
            (7).to_bytes(8, "big", signed=True),
            b"chg_01h455vb4pex5vsknk084sn02r",
            (3).to_bytes(8, "big", signed=True),
            b"billing.charge.captured.v1",
            (1_772_368_215_123_456).to_bytes(8, "big", signed=True),
            EVENT["body_digest"],
            EVENT["metadata_digest"],
        )
        if isinstance(field, bytes)
    )
    assert hashlib.sha256(b"\x00" + framed).hexdigest() == GOLDEN


@pytest.mark.parametrize("field", EVENT)
def test_every_field_counts(field: str) -> None:
    changed = EVENT | {field: OTHER_VALUES[field]}
    assert log.leaf(**changed) != log.leaf(**EVENT)  # type: ignore[arg-type]  # as above


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    moved = EVENT | {"tenant": "dem", "stream_id": f"o{EVENT['stream_id']}"}
    assert log.leaf(**moved) != log.leaf(**EVENT)  # type: ignore[arg-type]  # as above


def test_instants_count_in_microseconds_whatever_their_offset() -> None:
    instant = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    abroad = instant.astimezone(timezone(timedelta(hours=-7)))
    assert log.microseconds(instant) == log.microseconds(abroad) == EVENT["recorded_at_us"]
    assert log.microseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1_000_000


def test_the_tree_of_certificate_transparency_has_its_published_roots() -> None:
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in CT_LEAVES]
    frontier = log.EMPTY
    for number, leaf in enumerate(leaves, 1):
        frontier, filled = log.append(frontier, [leaf])
        assert not filled
        assert log.root(frontier).hex() == CT_ROOTS[number - 1]
        assert log.tree_root(leaves[:number]).hex() == CT_ROOTS[number - 1]


def test_an_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    assert log.root(log.EMPTY) == hashlib.sha256(b"").digest()
