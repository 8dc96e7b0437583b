"""Signed checkpoints: what is signed, and what the signer refuses to sign."""

import asyncio
import hashlib
import itertools

import asyncpg
import pytest

from contracts import log
from contracts.proofs import consistency_spans
from relay.lease import LeaseLost, acquire
from services.audit.checker import check_consistency, open_checkpoint, root_of_inclusion
from services.audit.publishing import NotPublished, Place, Publishing, in_objects, latest_in
from services.audit.signer import Pace, RootRefused, Signed, Signer, run_signer
from services.audit.signing import SigningKey
from services.audit.stored_tree import StoredTree, TreeDamaged
from services.wiring import object_store
from tests.fixtures.audited import CHARGE, HEAD, AuditedLedger
from tests.fixtures.databases import Database
from tests.fixtures.relaying import take_lease
from tests.fixtures.signing import SEED
from tests.fixtures.waiting import until

MANY = 70_000
_FILL = (
    "INSERT INTO event_log SELECT n, 'demo', n, 0, n, 'chg_1', n, now(), now(),"
    " sha256(n::text::bytea) FROM generate_series(1, $1::bigint) AS n"
)


async def nothing_outside(_log_id: str) -> bytes | None:
    return None


async def test_a_checkpoint_signs_the_root_of_the_stored_leaves(audited: AuditedLedger) -> None:
    signed = await audited.sign()
    rows = await audited.admin.fetch("SELECT leaf FROM event_log ORDER BY position")
    opened = open_checkpoint(signed.note, (await audited.key()).public)
    assert (opened.size, opened.root) == (HEAD, log.tree_root([row["leaf"] for row in rows]))
    (stored,) = await audited.admin.fetch("SELECT size, root, note, key FROM signed_checkpoints")
    assert tuple(stored) == (HEAD, opened.root, signed.note, (await audited.key()).public.text)


async def test_a_log_that_grew_is_signed_again(audited: AuditedLedger) -> None:
    first = (await audited.sign()).checkpoint
    await audited.sequence()
    second = (await audited.sign()).checkpoint
    assert (first.size, second.size) == (HEAD, HEAD + 1)


async def test_a_changed_leaf_is_not_signed(audited: AuditedLedger) -> None:
    await audited.sign()
    await audited.sequence()
    await audited.damage("UPDATE event_log SET leaf = sha256(leaf) WHERE position = 4")
    with pytest.raises(RootRefused, match="was changed behind what was signed"):
        await audited.sign()
    assert await audited.admin.fetchval("SELECT count(*) FROM signed_checkpoints") == 1


async def test_a_log_that_was_rolled_back_is_not_signed(audited: AuditedLedger) -> None:
    """With everything that the database knew of it; the object store still knows."""
    await audited.sequence()
    kept = (await audited.sign()).note
    await audited.damage("DELETE FROM signed_checkpoints")
    await audited.damage("DELETE FROM event_log WHERE position > $1", HEAD)
    await audited.damage("UPDATE log_head SET position = $1", HEAD)
    with pytest.raises(RootRefused, match=f"ends at {HEAD}, and {HEAD + 1} events were signed"):
        await audited.sign(outside=kept)


async def test_a_log_that_went_on_otherwise_after_a_rollback_is_not_signed(
    audited: AuditedLedger,
) -> None:
    await audited.sequence()
    kept = (await audited.sign()).note
    await audited.damage("DELETE FROM signed_checkpoints")
    await audited.damage("UPDATE event_log SET leaf = sha256(leaf) WHERE position > $1", HEAD)
    with pytest.raises(RootRefused, match="not consistent"):
        await audited.sign(outside=kept)


async def test_a_forged_last_checkpoint_is_not_gone_on_from(audited: AuditedLedger) -> None:
    await audited.sign()
    await audited.damage("UPDATE signed_checkpoints SET note = set_byte(note, 60, 65)")
    with pytest.raises(RootRefused, match="none of this log's"):
        await audited.sign()


async def test_a_new_key_goes_on_from_what_the_old_one_signed(audited: AuditedLedger) -> None:
    old = await audited.sign()
    await audited.sequence()
    signed = await audited.sign(seed=bytes(32), outside=old.note)
    assert open_checkpoint(signed.note, (await audited.key(bytes(32))).public).size == HEAD + 1


async def test_who_lost_the_lease_signs_nothing(audited: AuditedLedger) -> None:
    pool = await audited.database.pool("daybook_sequencer")
    lease = await take_lease(pool, "signer", "one")
    async with pool.acquire() as connection:
        signer = await Signer.start(connection, lease, SEED, nothing_outside)
        await take_lease(pool, "signer", "two")
        with pytest.raises(LeaseLost):
            await signer.sign()
    assert await audited.admin.fetchval("SELECT count(*) FROM signed_checkpoints") == 0


async def test_nothing_changes_or_removes_a_checkpoint(audited: AuditedLedger) -> None:
    await audited.sign()
    for statement in (
        "UPDATE signed_checkpoints SET root = sha256('')",
        "DELETE FROM signed_checkpoints",
        "TRUNCATE signed_checkpoints",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await audited.admin.execute(statement)


async def test_a_growing_log_is_signed_by_time_and_by_events(audited: AuditedLedger) -> None:
    """And no log that does not grow."""
    sizes: list[int] = []

    def took(signed: Signed) -> None:
        sizes.append(signed.checkpoint.size)

    pool = await audited.database.pool("daybook_sequencer")
    lease = await take_lease(pool, "signer", "test")
    signing = asyncio.create_task(
        run_signer(pool, lease, SEED, Pace(3_600, 1), nothing_outside, took)
    )
    try:
        await until(lambda: _is([HEAD], sizes))
        await audited.sequence()
        await until(lambda: _is([HEAD, HEAD + 1], sizes))
    finally:
        signing.cancel()
        await asyncio.gather(signing, return_exceptions=True)


async def _is(expected: list[int], found: list[int]) -> bool:
    return found == expected


async def test_each_place_gets_the_newest_until_it_took_it(audited: AuditedLedger) -> None:
    """One that is away keeps no other waiting, and gets what is newest then."""
    objects = object_store(audited.database.objects.as_uri())
    tries = itertools.count(1)
    taken: list[int] = []

    async def reluctant(signed: Signed) -> None:
        if next(tries) < 3:
            raise NotPublished("away")
        taken.append(signed.checkpoint.size)

    publishing = Publishing([in_objects(objects), Place("other", reluctant)], again_seconds=0.01)
    running = asyncio.create_task(publishing.run())
    try:
        first = await audited.sign()
        publishing.announce(first)
        await until(lambda: _is([HEAD], taken))
        log_id = await audited.admin.fetchval("SELECT log_id FROM log_head")

        async def is_kept() -> bool:
            return await latest_in(objects)(log_id) == first.note

        await until(is_kept)
        assert await latest_in(objects)("log_other") is None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_proofs_from_tiles_hold_for_a_tree_of_three_levels(database: Database) -> None:
    """Of a log whose tiles were written as the sequencer writes them."""
    admin = await database.admin()
    leaves = [hashlib.sha256(str(number).encode()).digest() for number in range(1, MANY + 1)]
    await admin.execute(_FILL, MANY)
    _, tiles = log.append(log.EMPTY, leaves)
    await admin.executemany("INSERT INTO merkle_tiles VALUES ($1, $2, $3, $4)", tiles)
    pool = await database.pool("daybook_reader")
    async with pool.acquire() as connection:
        tree = StoredTree(connection, MANY)
        root = await tree.root()
        assert root == log.tree_root(leaves)
        for position in (1, 256, 257, 65_536, 65_537, MANY):
            path = await tree.inclusion(position)
            leaf = leaves[position - 1]
            assert root_of_inclusion(leaf, position - 1, MANY, path) == root
        for first in (1, 255, 256, 65_535, 65_536, 65_537, MANY - 1, MANY):
            before = await StoredTree(connection, first).root()
            assert before == log.tree_root(leaves[:first])
            check_consistency(first, MANY, before, root, await tree.consistency(first))
        assert consistency_spans(MANY, MANY) == []


async def test_a_tree_with_a_hole_gives_no_root(audited: AuditedLedger) -> None:
    await audited.damage("DELETE FROM event_log WHERE stream_id = $1", CHARGE)
    with pytest.raises(TreeDamaged, match="level 0 of the tree has 10 hashes"):
        await audited.sign()


async def test_an_empty_log_is_not_signed(empty_ledger: AuditedLedger) -> None:
    pool = await empty_ledger.database.pool("daybook_sequencer")
    async with pool.acquire() as connection:
        lease = await acquire(connection, name="signer", owner="test", seconds=60)
        assert lease is not None
        signer = await Signer.start(connection, lease, SEED, nothing_outside)
        assert (await signer.head(), signer.last.size) == (0, 0)
        with pytest.raises(asyncpg.CheckViolationError):
            await signer.sign()


def test_a_key_signs_under_the_name_of_its_log() -> None:
    assert SigningKey(SEED, "log_1").public.name == "daybook.dev/log_1"
