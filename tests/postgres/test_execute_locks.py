"""Locks: nobody waits for another's account, and who waits in vain is told so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.execute.envelope import Refused
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    PATIENTS,
    account_id,
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    issue,
    message,
    open_account,
    open_accounts,
    waiting_sessions,
)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await open_accounts(database)


@pytest.fixture
async def executor(database: Database, admin: asyncpg.Pool) -> AsyncIterator[Executor]:
    pool = await database.pool("daybook_writer", 8)
    async with Executor(pool, lock_timeout_seconds=1) as executor:
        yield executor


@asynccontextmanager
async def held(admin: asyncpg.Pool, *patients: str) -> AsyncIterator[None]:
    """Accounts locked by somebody at a terminal."""
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM account_heads WHERE account_id = ANY ($1) FOR UPDATE",
            [account_id(patient) for patient in patients],
        )
        yield


async def test_others_commit_while_a_busy_account_is_waited_for(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    async with held(admin, "p1"):
        blocked = asyncio.ensure_future(executor.execute(envelope(capture("p1"))))
        others = await executor.execute_all([envelope(capture(p)) for p in PATIENTS[1:]])
        assert all_done(others)
        await until(lambda: _is_waiting(admin))
        others = await executor.execute_all([envelope(capture(p, 2)) for p in PATIENTS[1:]])
        assert all_done(others)
        assert not blocked.done()
    assert codes([await blocked]) == ["done"]
    await assert_books_straight(admin)


async def _is_waiting(admin: asyncpg.Pool) -> bool:
    return await waiting_sessions(admin) > 0


async def test_what_waits_in_vain_is_told_to_come_again(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    async with held(admin, "p1"):
        outcomes = await executor.execute_all(
            [envelope(capture(p, n), message(f"{p}-{n}")) for p in PATIENTS[:2] for n in range(50)]
        )
    assert codes(outcomes) == ["LOCK_TIMEOUT"] * 50 + ["done"] * 50
    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].transient
    assert "operation timed out" in outcomes[0].detail
    again = await executor.execute(envelope(capture("p1", 0), message("p1-0")))
    assert codes([again]) == ["done"]


async def test_commands_of_a_busy_account_keep_their_order(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    async with held(admin, "p1"):
        first = asyncio.ensure_future(
            executor.execute_all([envelope(capture("p1", 1)), envelope(capture("p2", 1))])
        )
        await until(lambda: _has_charge(admin, "p2"))
        later = asyncio.ensure_future(
            executor.execute_all([envelope(c) for c in (draft("p1"), issue("p1"))])
        )
        last = asyncio.ensure_future(executor.execute(envelope(capture("p1", 2))))
        await until(lambda: _is_waiting(admin))
    assert all_done([*await first, *await later, await last])
    order = await admin.fetch(
        "SELECT event_ids FROM billing_outbox o JOIN events e ON e.tenant = o.tenant"
        " AND e.stream_id || '-' || e.version = o.event_ids[1]"
        " WHERE e.partition_key = $1 ORDER BY o.id",
        account_id("p1"),
    )
    kinds = [row["event_ids"][0][:3] for row in order]
    assert kinds == ["acc", "chg", "inv", "inv", "chg"]
    await assert_books_straight(admin)


async def _has_charge(admin: asyncpg.Pool, patient: str) -> bool:
    return bool(
        await admin.fetchval(
            "SELECT count(*) FROM open_items WHERE account_id = $1", account_id(patient)
        )
    )


async def test_many_accounts_held_at_once_are_all_answered_in_time(
    database: Database, admin: asyncpg.Pool
) -> None:
    patients = [f"q{n}" for n in range(40)]
    pool = await database.pool("daybook_writer", 5)
    loop = asyncio.get_running_loop()
    async with Executor(pool, lock_timeout_seconds=0.5) as executor:
        await executor.execute_all([envelope(open_account(patient)) for patient in patients])
        async with held(admin, *patients):
            started = loop.time()
            outcomes = await executor.execute_all([envelope(capture(p)) for p in patients])
            took = loop.time() - started
    assert set(codes(outcomes)) == {"LOCK_TIMEOUT"}
    # One after the other within the few connections would be 40 times the timeout.
    assert took < 40 * 0.5


async def test_a_held_counter_holds_up_only_those_who_draw_from_it(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute_all(
        [envelope(c) for c in (capture("p1"), draft("p1", "1"), issue("p1", "1"))]
    )
    await executor.execute_all([envelope(c) for c in (capture("p2"), draft("p2", "2"))])
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM counters FOR UPDATE")
        outcomes = await executor.execute_all(
            [envelope(issue("p2", "2")), *(envelope(capture("p3", n)) for n in range(20))]
        )
    assert codes(outcomes) == ["LOCK_TIMEOUT", *["done"] * 20]
    assert codes([await executor.execute(envelope(issue("p2", "2")))]) == ["done"]
    await assert_books_straight(admin)


async def test_a_period_that_is_being_closed_holds_up_only_its_tenant(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account(), tenant="other"))
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('period/' || 'demo', 0))"
        )
        outcomes = await executor.execute_all(
            [
                *(envelope(capture("p1", n)) for n in range(20)),
                *(envelope(capture("p1", n), tenant="other") for n in range(20)),
            ]
        )
    assert codes(outcomes) == ["LOCK_TIMEOUT"] * 20 + ["done"] * 20


async def test_a_period_cannot_be_closed_under_a_running_batch(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    async with held(admin, "p1"):
        blocked = asyncio.ensure_future(executor.execute(envelope(capture("p1"))))
        await until(lambda: _is_waiting(admin))
        closed = await admin.fetchval(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('period/' || 'demo', 0))"
        )
        assert closed is False
    assert codes([await blocked]) == ["done"]
