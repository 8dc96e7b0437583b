"""The sequencer gives every committed event one position, whole commands at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from contracts import log
from contracts.bus import partition_of
from relay.draft import OutboxNamesNoEvent
from relay.lease import LeaseLost, acquire
from relay.sequencer import LogMoved, Sequencer
from relay.tree import LogBroken, ensure_log, load_log
from tests.fixtures.committing import RECORDED_AT, TYPE, append, commit, commit_many
from tests.fixtures.databases import Database, with_database
from tests.fixtures.waiting import until


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    """The owner's pool of a database with an empty log."""
    admin = await database.admin()
    async with admin.acquire() as connection:
        await ensure_log(connection)
    return admin


@pytest.fixture
async def pool(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_sequencer", size_max=6)


@asynccontextmanager
async def leading(pool: asyncpg.Pool, owner: str = "ada") -> AsyncIterator[Sequencer]:
    """A sequencer under a lease of its own, whoever held one before."""
    async with pool.acquire() as connection:
        await connection.execute("UPDATE leases SET expires_at = '-infinity'")
        lease = await acquire(connection, name="relay.sequencer", owner=owner, seconds=600)
        assert lease is not None
        yield await Sequencer.start(connection, lease)


async def drain(sequencer: Sequencer, events_max: int = 2_000) -> None:
    while await sequencer.step(events_max) is not None:
        pass


async def positions(admin: asyncpg.Pool) -> list[tuple[int, str, int]]:
    rows = await admin.fetch("SELECT position, stream_id, version FROM event_log ORDER BY position")
    return [tuple(row) for row in rows]


async def test_commands_get_dense_positions_in_the_order_of_their_outbox_rows(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await commit(admin, "demo", ("inv_1", 1), ("inv_1", 2))
    await commit(admin, "other", ("inv_1", 1))
    await commit(admin, "demo", ("inv_2", 1), ("inv_1", 3))
    async with leading(pool) as sequencer:
        await drain(sequencer)
    assert await positions(admin) == [
        (1, "inv_1", 1),
        (2, "inv_1", 2),
        (3, "inv_1", 1),
        (4, "inv_2", 1),
        (5, "inv_1", 3),
    ]
    assert await admin.fetchval("SELECT count(*) FROM billing_outbox") == 0
    assert await admin.fetchval("SELECT position FROM log_head") == 5
    tenants = await admin.fetch("SELECT tenant, tenant_position FROM event_log ORDER BY position")
    assert [tuple(row) for row in tenants] == [
        ("demo", 1),
        ("demo", 2),
        ("other", 1),
        ("demo", 3),
        ("demo", 4),
    ]


async def test_the_commit_and_a_monotonic_time_of_sequencing_are_kept(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await commit(admin, "demo", ("inv_1", 1))
    committed_at = await admin.fetchval("SELECT committed_at FROM billing_outbox")
    # As if the clock had gone back since the last batch.
    await admin.execute("UPDATE log_head SET sequenced_at = clock_timestamp() + interval '1 day'")
    ahead = await admin.fetchval("SELECT sequenced_at FROM log_head")
    async with leading(pool) as sequencer:
        await drain(sequencer)
    (row,) = await admin.fetch("SELECT committed_at, sequenced_at FROM event_log")
    assert tuple(row) == (committed_at, ahead)


async def test_positions_are_dense_within_a_tenant_and_its_partitions_over_many_batches(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    for tenant in ("demo", "other"):
        await commit_many(admin, tenant, "inv_", 150)
    async with leading(pool) as sequencer:
        await drain(sequencer, events_max=70)
    async with leading(pool, "ben") as sequencer:
        await commit_many(admin, "demo", "chg_", 50)
        await drain(sequencer, events_max=20)
    broken = await admin.fetchval(
        "SELECT count(*) FROM (SELECT"
        " row_number() OVER (PARTITION BY tenant ORDER BY position) <> tenant_position AS t,"
        " row_number() OVER (PARTITION BY tenant, partition ORDER BY position)"
        " <> partition_position AS p, row_number() OVER (ORDER BY position) <> position AS a"
        " FROM event_log) AS found WHERE t OR p OR a"
    )
    assert broken == 0
    rows = await admin.fetch("SELECT stream_id, partition FROM event_log")
    assert all(row["partition"] == partition_of(row["stream_id"], 16) for row in rows)
    assert len({row["partition"] for row in rows}) == 16


async def test_a_command_is_never_cut(pool: asyncpg.Pool, admin: asyncpg.Pool) -> None:
    for number in range(3):
        events = [(f"inv_{number}", version) for version in range(1, 5)]
        await commit(admin, "demo", *events)
    await commit(admin, "demo", *[("inv_big", version) for version in range(1, 31)])
    sizes = []
    async with leading(pool) as sequencer:
        while (batch := await sequencer.step(events_max=6)) is not None:
            sizes.append(batch.events)
    assert sizes == [8, 34]


async def test_a_command_that_commits_late_gets_a_later_position(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    async with leading(pool) as sequencer, admin.acquire() as late:
        transaction = late.transaction()
        await transaction.start()
        await append(late, "demo", [("inv_late", 1)])
        await commit(admin, "demo", ("inv_prompt", 1))
        await drain(sequencer)
        assert await positions(admin) == [(1, "inv_prompt", 1)]
        await transaction.commit()
        await drain(sequencer)
    assert await positions(admin) == [(1, "inv_prompt", 1), (2, "inv_late", 1)]


@pytest.mark.parametrize("sizes", [(1, 254, 1, 1), (255, 1, 256, 300), (600, 1)])
async def test_the_tree_goes_on_over_changes_of_the_leader(
    pool: asyncpg.Pool, admin: asyncpg.Pool, sizes: tuple[int, ...]
) -> None:
    for number, size in enumerate(sizes):
        await commit_many(admin, "demo", f"inv_{number}_", size)
        async with leading(pool) as sequencer:
            await drain(sequencer, events_max=100)
    leaves = [
        row["leaf"] for row in await admin.fetch("SELECT leaf FROM event_log ORDER BY position")
    ]
    expected, tiles = log.append(log.EMPTY, leaves)
    stored = await admin.fetch("SELECT level, index, hashes, root FROM merkle_tiles")
    assert sorted(tuple(row) for row in stored) == sorted(tuple(tile) for tile in tiles)
    async with admin.acquire() as connection:
        held = await load_log(connection)
    assert held.frontier == expected
    assert log.root(held.frontier) == log.tree_root(leaves)


async def test_leaves_are_made_of_the_stored_bytes(pool: asyncpg.Pool, admin: asyncpg.Pool) -> None:
    await commit(admin, "demo", ("inv_1", 1))
    async with leading(pool) as sequencer:
        await drain(sequencer)
    log_id = await admin.fetchval("SELECT log_id FROM log_head")
    ((body, metadata, leaf),) = await admin.fetch(
        "SELECT body, metadata, leaf FROM events JOIN event_log USING (tenant, stream_id, version)"
    )
    assert leaf == log.leaf(
        log_id=log_id,
        position=1,
        tenant="demo",
        tenant_position=1,
        stream_id="inv_1",
        version=1,
        type_=TYPE,
        recorded_at_us=log.microseconds(RECORDED_AT),
        body_digest=hashlib.sha256(body).digest(),
        metadata_digest=hashlib.sha256(metadata).digest(),
    )


async def test_a_leader_of_the_past_writes_nothing(pool: asyncpg.Pool, admin: asyncpg.Pool) -> None:
    await commit(admin, "demo", ("inv_1", 1))
    async with leading(pool, "ada") as past, leading(pool, "ben") as present:
        with pytest.raises(LeaseLost):
            await past.step()
        assert await positions(admin) == []
        await drain(present)
    assert await positions(admin) == [(1, "inv_1", 1)]


async def test_a_leader_that_missed_a_batch_stops_instead_of_doubling_it(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    """As when a commit was answered by a broken connection: the state in memory is behind."""
    await commit(admin, "demo", ("inv_1", 1))
    async with leading(pool) as sequencer, pool.acquire() as connection:
        behind = Sequencer(connection, sequencer._lease, sequencer._held)
        await drain(sequencer)
        await commit(admin, "demo", ("inv_2", 1))
        with pytest.raises(LogMoved):
            await behind.step()
        await drain(sequencer)
    assert await positions(admin) == [(1, "inv_1", 1), (2, "inv_2", 1)]


async def test_an_outbox_row_without_its_event_stops_everything_behind_it(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await admin.execute(
        "INSERT INTO billing_outbox (tenant, event_ids) VALUES ('demo', '{inv_9-1}')"
    )
    await commit(admin, "demo", ("inv_1", 1))
    async with leading(pool) as sequencer:
        with pytest.raises(OutboxNamesNoEvent, match="inv_9-1"):
            await sequencer.step()
    assert await positions(admin) == []
    assert await admin.fetchval("SELECT count(*) FROM billing_outbox") == 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_head SET position = 299",
        "DELETE FROM event_log WHERE position = 300",
        "DELETE FROM event_log WHERE position = 280",
        "DELETE FROM merkle_tiles",
        "INSERT INTO merkle_tiles SELECT 1, 0, hashes, root FROM merkle_tiles",
        "INSERT INTO merkle_tiles SELECT 0, 1, hashes, root FROM merkle_tiles",
    ],
)
async def test_a_damaged_log_is_not_written_on(
    pool: asyncpg.Pool, admin: asyncpg.Pool, damage: str
) -> None:
    await commit_many(admin, "demo", "inv_", 300)
    async with leading(pool) as sequencer:
        await drain(sequencer)
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(damage)
    with pytest.raises(LogBroken):
        async with leading(pool):
            pass


async def test_a_log_that_was_never_created_is_named(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await admin.execute("DELETE FROM log_head")
    async with pool.acquire() as connection:
        with pytest.raises(LogBroken, match="never created"):
            await load_log(connection)


async def test_the_log_keeps_its_id_and_its_partitions(admin: asyncpg.Pool) -> None:
    async with admin.acquire() as connection:
        created = await connection.fetchval("SELECT log_id FROM log_head")
        assert await ensure_log(connection, partitions=4) == created
        assert await connection.fetchval("SELECT partitions FROM log_head") == 16


async def test_open_transactions_elsewhere_do_not_hold_the_sequencer_up(
    pool: asyncpg.Pool, admin: asyncpg.Pool, database: Database
) -> None:
    """Of another database and of this one, both writing, both older than the commands."""
    other = await asyncpg.connect(with_database(database.url, "postgres"))
    async with admin.acquire() as here, leading(pool) as sequencer:
        try:
            await other.execute("BEGIN; CREATE TEMP TABLE held (); SELECT pg_current_xact_id()")
            await here.execute("BEGIN; CREATE TEMP TABLE held (); SELECT pg_current_xact_id()")
            await commit(admin, "demo", ("inv_1", 1))
            await drain(sequencer)
            assert await positions(admin) == [(1, "inv_1", 1)]
        finally:
            await here.execute("ROLLBACK")
            await other.close()


async def test_readers_are_told_of_every_batch(pool: asyncpg.Pool, admin: asyncpg.Pool) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    async with admin.acquire() as listening, leading(pool) as sequencer:

        def note(connection: object, pid: int, channel: str, payload: object) -> None:
            told.put_nowait(str(payload))

        await listening.add_listener("daybook_log", note)
        await commit(admin, "demo", ("inv_1", 1), ("inv_1", 2))
        await drain(sequencer)
        async with asyncio.timeout(20):
            assert await told.get() == "2"
        await listening.remove_listener("daybook_log", note)


async def test_an_outbox_row_that_is_deleted_while_it_is_put_in_order_gets_no_position(
    pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await commit(admin, "demo", ("inv_1", 1))
    await commit(admin, "demo", ("inv_2", 1))
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)"
    async with leading(pool) as sequencer, admin.acquire() as other:
        async with other.transaction():
            # Holds the sequencer where it has read the outbox and not yet written.
            await other.execute("SELECT FROM leases FOR UPDATE")
            stepping = asyncio.create_task(sequencer.step())
            pid = sequencer._connection.get_server_pid()

            async def is_held() -> bool:
                return bool(await admin.fetchval(waiting, pid))

            await until(is_held)
            await admin.execute("DELETE FROM billing_outbox WHERE event_ids = '{inv_2-1}'")
        with pytest.raises(LogMoved, match="outbox"):
            await stepping
        assert await positions(admin) == []
    async with leading(pool) as sequencer:
        await drain(sequencer)
    assert await positions(admin) == [(1, "inv_1", 1)]
