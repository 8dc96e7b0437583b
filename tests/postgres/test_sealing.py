"""Personal data sealed under a key per subject, which is made once and can be forgotten."""

import asyncio
import base64

import asyncpg
import pytest

from contracts.private import Private
from services.sealing import Keys, Unsealable, find_keys, make_keys, open_sealed, seal
from tests.fixtures.databases import Database

NAME = "Zainab Rahimi \N{ARABIC LETTER AIN}"


@pytest.fixture
async def writer(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 10)


async def test_what_is_sealed_opens_for_who_has_the_key(writer: asyncpg.Pool) -> None:
    keys = await make_keys(writer, "demo", ["p1"])
    private = seal(keys, "demo", "p1", NAME)
    assert private.subject == "p1"
    assert NAME.encode() not in base64.b64decode(private.sealed)
    assert open_sealed(await find_keys(writer, "demo", ["p1"]), "demo", private) == NAME


async def test_the_same_text_never_seals_alike(writer: asyncpg.Pool) -> None:
    keys = await make_keys(writer, "demo", ["p1"])
    assert len({seal(keys, "demo", "p1", NAME).sealed for _ in range(100)}) == 100


async def test_a_key_is_made_once_whoever_asks_at_the_same_time(
    database: Database, writer: asyncpg.Pool
) -> None:
    subjects = [f"p{n}" for n in range(50)]
    made = await asyncio.gather(
        *(make_keys(writer, "demo", (subjects, subjects[::-1])[n % 2]) for n in range(10))
    )
    assert all(keys == made[0] for keys in made)
    assert len(set(made[0].values())) == 50
    assert {len(key) for key in made[0].values()} == {32}
    admin = await database.admin()
    assert await admin.fetchval("SELECT count(*) FROM subject_keys") == 50


async def test_keys_that_are_there_are_found_beside_new_ones(writer: asyncpg.Pool) -> None:
    first = await make_keys(writer, "demo", ["p1", "p2"])
    both = await make_keys(writer, "demo", ["p2", "p3", "p2"])
    assert set(both) == {"p2", "p3"}
    assert both["p2"] == first["p2"]
    assert await make_keys(writer, "demo", []) == {}


async def test_another_tenant_finds_no_key_and_opens_nothing(writer: asyncpg.Pool) -> None:
    keys = await make_keys(writer, "demo", ["p1"])
    private = seal(keys, "demo", "p1", NAME)
    assert await find_keys(writer, "other", ["p1"]) == {}
    theirs = await make_keys(writer, "other", ["p1"])
    assert theirs["p1"] != keys["p1"]
    assert open_sealed(theirs, "other", private) is None
    # Not even with the right key: the tenant is authenticated with the text.
    with pytest.raises(Unsealable, match="'p1'"):
        open_sealed(keys, "other", private)


async def test_a_field_cannot_be_passed_off_as_another_subjects(writer: asyncpg.Pool) -> None:
    keys = await make_keys(writer, "demo", ["p1", "p2"])
    private = seal(keys, "demo", "p1", NAME)
    moved = Private(subject="p2", sealed=private.sealed)
    assert open_sealed(keys, "demo", moved) is None
    with pytest.raises(Unsealable):
        open_sealed({"p2": keys["p1"]}, "demo", moved)


async def test_what_a_forgotten_subject_left_gives_nothing(
    database: Database, writer: asyncpg.Pool
) -> None:
    keys = await make_keys(writer, "demo", ["p1", "p2"])
    sealed = {subject: seal(keys, "demo", subject, NAME) for subject in keys}
    admin = await database.admin()
    await admin.execute("DELETE FROM subject_keys WHERE subject_id = 'p1'")
    left = await find_keys(writer, "demo", ["p1", "p2"])
    assert open_sealed(left, "demo", sealed["p1"]) is None
    assert open_sealed(left, "demo", sealed["p2"]) == NAME


async def test_a_forgotten_subject_that_comes_back_opens_only_what_is_new(
    database: Database, writer: asyncpg.Pool
) -> None:
    before = seal(await make_keys(writer, "demo", ["p1"]), "demo", "p1", NAME)
    admin = await database.admin()
    await admin.execute("DELETE FROM subject_keys")
    keys = await make_keys(writer, "demo", ["p1"])
    assert open_sealed(keys, "demo", before) is None
    assert open_sealed(keys, "demo", seal(keys, "demo", "p1", NAME)) == NAME


KEYS: Keys = {"p1": b"k" * 32}
KEY_ID_BYTES = 4


def test_no_changed_byte_goes_unnoticed() -> None:
    content = base64.b64decode(seal(KEYS, "demo", "p1", "Zainab").sealed)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        private = _private(base64.b64encode(changed).decode())
        if place < KEY_ID_BYTES:
            assert open_sealed(KEYS, "demo", private) is None, "as if under an earlier key"
            continue
        with pytest.raises(Unsealable):
            open_sealed(KEYS, "demo", private)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 7, 12, 16, 20, 27, 31])
def test_a_text_that_was_cut_short_is_found_out(length: int) -> None:
    content = base64.b64decode(seal(KEYS, "demo", "p1", "Zainab").sealed)[:length]
    with pytest.raises(Unsealable):
        open_sealed(KEYS, "demo", _private(base64.b64encode(content).decode()))


@pytest.mark.parametrize("sealed", ["?", "abc", "é", "AA==\n", "Zainab Rahimi"])
def test_what_is_no_base64_is_found_out(sealed: str) -> None:
    with pytest.raises(Unsealable):
        open_sealed(KEYS, "demo", _private(sealed))


def test_a_text_is_not_sealed_without_its_subjects_key() -> None:
    with pytest.raises(KeyError):
        seal(KEYS, "demo", "p2", NAME)


def _private(sealed: str) -> Private:
    return Private(subject="p1", sealed=sealed)
