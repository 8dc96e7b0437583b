"""Leadership as a row: one holder at a time, and a holder of the past can do nothing."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from structlog.testing import capture_logs

from relay.database import PASSING
from relay.lease import Lease, LeaseLost, acquire, check, fence_session, lead, release, renew
from services.embedded.addresses import Addresses
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until

NAME = "relay.sequencer"


@pytest.fixture
async def pool(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_sequencer", size_max=20)


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    async with pool.acquire() as connection:
        yield connection


Connection = asyncpg.pool.PoolConnectionProxy


async def take(connection: Connection, owner: str = "ada", seconds: float = 60) -> Lease:
    lease = await acquire(connection, name=NAME, owner=owner, seconds=seconds)
    assert lease is not None
    return lease


async def run_out(connection: Connection) -> None:
    await connection.execute("UPDATE leases SET expires_at = '-infinity'")


async def test_a_held_lease_is_not_given_to_another(connection: Connection) -> None:
    lease = await take(connection)
    assert lease.fence == 1
    assert await acquire(connection, name=NAME, owner="ben", seconds=60) is None


async def test_of_many_who_ask_at_once_one_gets_it(pool: asyncpg.Pool) -> None:
    async def ask(owner: int) -> Lease | None:
        async with pool.acquire() as connection:
            return await acquire(connection, name=NAME, owner=str(owner), seconds=60)

    leases = await asyncio.gather(*(ask(owner) for owner in range(16)))
    assert len([lease for lease in leases if lease is not None]) == 1


async def test_who_takes_over_has_a_larger_fence_and_the_past_holder_none(
    connection: Connection,
) -> None:
    past = await take(connection, "ada")
    await run_out(connection)
    present = await take(connection, "ben")
    assert present.fence > past.fence
    with pytest.raises(LeaseLost):
        await renew(connection, past)
    async with connection.transaction():
        with pytest.raises(LeaseLost):
            await check(connection, past)
    await release(connection, past)
    async with connection.transaction():
        await check(connection, present)


async def test_a_lease_that_ran_out_is_lost_even_when_nobody_took_it(
    connection: Connection,
) -> None:
    lease = await take(connection)
    await run_out(connection)
    with pytest.raises(LeaseLost):
        await renew(connection, lease)
    async with connection.transaction():
        with pytest.raises(LeaseLost):
            await check(connection, lease)


async def test_nobody_takes_over_while_a_checked_transaction_is_open(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as holder, pool.acquire() as other:
        lease = await take(holder, seconds=0.5)

        async def has_run_out() -> bool:
            return bool(await other.fetchval("SELECT expires_at < clock_timestamp() FROM leases"))

        async with holder.transaction():
            await check(holder, lease)
            await until(has_run_out)
            assert await acquire(other, name=NAME, owner="ben", seconds=60) is None
        assert await acquire(other, name=NAME, owner="ben", seconds=60) is not None


async def test_a_renewal_does_not_wait_for_a_checked_transaction_of_the_same_holder(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as holder, pool.acquire() as renewing:
        lease = await take(holder)
        await renewing.execute("SET lock_timeout = '1s'")
        async with holder.transaction():
            await check(holder, lease)
            await renew(renewing, lease)
            await check(holder, lease)


async def test_a_checked_transaction_that_is_longer_than_the_lease_does_not_lose_it(
    pool: asyncpg.Pool,
) -> None:
    begun = "SELECT expires_at FROM leases"
    later = "SELECT expires_at > $1::timestamptz + make_interval(secs => $2) FROM leases"

    async def work(lease: Lease) -> str:
        async with pool.acquire() as holder, holder.transaction():
            await check(holder, lease)
            expires_at = await holder.fetchval(begun)

            async def is_renewed() -> bool:
                return bool(await holder.fetchval(later, expires_at, lease.seconds))

            await until(is_renewed)
            await check(holder, lease)
        return "done"

    assert await lead(pool, name=NAME, owner="ada", seconds=0.6, body=work) == "done"


async def test_who_takes_over_is_waited_for_and_then_the_past_holder_has_nothing(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as holder, pool.acquire() as other:
        past = await take(holder)
        await run_out(holder)
        async with other.transaction():
            await take(other, "ben")
            checking = asyncio.create_task(check(holder, past))
            await other.execute("SELECT 1")
        with pytest.raises(LeaseLost):
            await checking


async def test_a_holder_paused_within_a_transaction_keeps_nobody_out(
    pool: asyncpg.Pool, database: Database
) -> None:
    async with pool.acquire() as holder, pool.acquire() as other:
        lease = await take(holder, seconds=0.2)
        await fence_session(holder, lease)
        await holder.execute("BEGIN")
        await check(holder, lease)  # and now it says nothing for longer than the lease

        async def is_taken_over() -> bool:
            return await acquire(other, name=NAME, owner="ben", seconds=60) is not None

        await until(is_taken_over)
        with pytest.raises(PASSING):
            await holder.execute("SELECT 1")


async def test_work_stops_when_the_lease_is_lost(pool: asyncpg.Pool) -> None:
    stopped = asyncio.Event()

    async def work(lease: Lease) -> None:
        async with pool.acquire() as connection:
            await run_out(connection)
            await take(connection, "ben")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with asyncio.timeout(20):
        with pytest.raises(LeaseLost):
            await lead(pool, name=NAME, owner="ada", seconds=0.3, body=work)
    assert stopped.is_set()


async def test_the_next_one_is_let_in_at_once_when_the_work_is_done(pool: asyncpg.Pool) -> None:
    async def work(lease: Lease) -> int:
        return lease.fence

    first = await lead(pool, name=NAME, owner="ada", seconds=600, body=work)
    async with asyncio.timeout(20):
        second = await lead(pool, name=NAME, owner="ben", seconds=600, body=work)
    assert second > first


async def test_an_error_of_the_work_is_passed_on_and_the_lease_released(
    pool: asyncpg.Pool, connection: Connection
) -> None:
    async def work(lease: Lease) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await lead(pool, name=NAME, owner="ada", seconds=600, body=work)
    assert await acquire(connection, name=NAME, owner="ben", seconds=60) is not None


async def test_the_lease_outlives_its_renewals_and_broken_connections(
    pool: asyncpg.Pool, database: Database
) -> None:
    admin = await database.admin()

    async def is_renewed() -> None:
        held_until = await admin.fetchval("SELECT expires_at FROM leases")

        async def is_later() -> bool:
            return bool(await admin.fetchval("SELECT expires_at > $1 FROM leases", held_until))

        await until(is_later)

    async def work(lease: Lease) -> None:
        await is_renewed()
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'daybook_sequencer' AND datname = current_database()"
        )
        await is_renewed()

    await lead(pool, name=NAME, owner="ada", seconds=3, body=work)


async def test_a_holder_whose_server_was_away_does_not_wait_for_its_own_lease_to_run_out(
    database: Database, pool: asyncpg.Pool, stack: Addresses
) -> None:
    name = database.url.rpartition("/")[2]
    server = await asyncpg.connect(stack.postgres_url)

    async def go_away() -> None:
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )

    async def work(_lease: Lease) -> None:
        async with pool.acquire() as connection:
            await go_away()
            await connection.fetchval("SELECT 1")

    with capture_logs() as logs:

        async def has_tried() -> bool:
            return any(entry["event"] == "lease not released" for entry in logs)

        leading = asyncio.create_task(lead(pool, name=NAME, owner="ada", seconds=600, body=work))
        await until(has_tried)
    await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    with pytest.raises(PASSING):
        await leading
    await server.close()
    async with pool.acquire() as connection:
        await take(connection, "ben")
