"""Ends of all kinds: nobody hangs, what was acknowledged stays, what is repeated is done once."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.adapters.postgres.pool import open_pool
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Done, Envelope
from services.execute.executor import Executor
from services.execute.statements import AnyConnection
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    PATIENTS,
    account_id,
    all_done,
    assert_books_straight,
    capture,
    codes,
    envelope,
    message,
    open_account,
    open_accounts,
)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await open_accounts(database)


@pytest.fixture
async def writer(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 8)


@pytest.fixture
async def executor(writer: asyncpg.Pool, admin: asyncpg.Pool) -> AsyncIterator[Executor]:
    async with Executor(writer) as executor:
        yield executor


async def is_waiting(admin: asyncpg.Pool) -> bool:
    return bool(
        await admin.fetchval(
            "SELECT count(*) > 0 FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


async def hold(connection: AnyConnection, patient: str) -> None:
    await connection.execute(
        "SELECT FROM account_heads WHERE account_id = $1 FOR UPDATE", account_id(patient)
    )


async def until_taken(executor: Executor, asked: Envelope) -> Done:
    """As a caller does that gets no answer: the same again, until there is one."""
    async with asyncio.timeout(60):
        while True:
            try:
                outcome = await executor.execute(asked)
            except LedgerUnavailable:
                await asyncio.sleep(random.uniform(0.01, 0.05))
                continue
            if isinstance(outcome, Done):
                return outcome
            assert outcome.transient, outcome


async def test_a_closed_executor_leaves_no_caller_waiting(
    writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    async with admin.acquire() as elsewhere, elsewhere.transaction():
        await hold(elsewhere, "p1")
        async with Executor(writer, lock_timeout_seconds=0.5) as executor:
            calls = [
                asyncio.ensure_future(executor.execute(envelope(capture("p1", n))))
                for n in range(50)
            ]
            await until(lambda: is_waiting(admin))
        ends = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert {type(end) for end in ends} == {LedgerUnavailable}
    await assert_books_straight(admin)


async def test_what_runs_is_finished_and_acknowledged_while_closing(
    writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    async with Executor(writer, lanes=1) as executor:
        running = asyncio.ensure_future(executor.execute(envelope(capture("p1"))))
        await asyncio.sleep(0)  # the lane takes it
        queued = asyncio.ensure_future(executor.execute(envelope(capture("p2"))))
        await asyncio.sleep(0)
    with pytest.raises(LedgerUnavailable):
        await queued
    assert codes([await running]) == ["done"]
    assert await admin.fetchval("SELECT count(*) FROM open_items") == 1


async def test_a_closed_executor_takes_no_more(writer: asyncpg.Pool, admin: asyncpg.Pool) -> None:
    async with Executor(writer) as executor:
        pass
    with pytest.raises(LedgerUnavailable, match="closed"):
        await executor.execute(envelope(capture("p1")))


async def test_a_lane_that_dies_takes_its_callers_out_of_the_wait(
    writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    class Fatal(BaseException):
        """What no batch survives."""

    def no_time() -> datetime:
        raise Fatal

    with capture_logs() as logs:
        async with Executor(writer, lanes=1, now=no_time) as executor:
            calls = (executor.execute(envelope(capture("p1", n))) for n in range(3))
            ends = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
            assert {type(end) for end in ends} == {LedgerUnavailable}
            with pytest.raises(LedgerUnavailable):
                await executor.execute(envelope(capture("p1")))
    assert [log["log_level"] for log in logs] == ["critical"]


async def test_a_caller_that_gives_up_disturbs_nobody(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = [envelope(capture("p1", n), message(str(n))) for n in range(20)]
    given_up = [asyncio.ensure_future(executor.execute(one)) for one in asked[:10]]
    whole = asyncio.ensure_future(executor.execute_all(asked[10:15]))
    patient = asyncio.ensure_future(executor.execute_all(asked[15:]))
    await asyncio.sleep(0)
    for call in (*given_up, whole):
        call.cancel()
    assert all_done(await patient)
    # What was queued is executed all the same, and whoever asks again is told so.
    assert codes(await executor.execute_all(asked)) == ["again"] * 20
    await assert_books_straight(admin)


async def test_a_session_that_is_ended_in_the_middle_leaves_nothing_half_done(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = envelope(capture("p1"), message("m-1"))
    async with admin.acquire() as elsewhere, elsewhere.transaction():
        await hold(elsewhere, "p1")
        call = asyncio.ensure_future(executor.execute(asked))
        await until(lambda: is_waiting(admin))
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(LedgerUnavailable):
            await call
    assert await admin.fetchval("SELECT count(*) FROM billing_inbox") == 0
    assert codes(await executor.execute_all([asked, asked])) == ["done", "again"]
    await assert_books_straight(admin)


async def test_sessions_that_are_ended_at_any_moment_lose_and_double_nothing(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    acknowledged: list[Done] = []

    async def write(worker: int) -> None:
        for n in range(25):
            asked = capture(PATIENTS[(worker + n) % 4], f"{worker}-{n}")
            done = await until_taken(executor, envelope(asked, message(f"{worker}-{n}")))
            acknowledged.append(done)

    async def disturb() -> int:
        """End a session in the middle of a transaction, again and again, but let some pass."""
        ended = 0
        while len(acknowledged) < 8 * 25:
            known = len(acknowledged)
            killed = await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'daybook_writer'"
                "   AND xact_start IS NOT NULL LIMIT 1"
            )
            if killed:
                ended += 1
                await until_more(known)
        return ended

    async def until_more(known: int) -> None:
        async def more() -> bool:
            return len(acknowledged) > known

        await until(more)

    disturbing = asyncio.ensure_future(disturb())
    await asyncio.gather(*(write(worker) for worker in range(8)))
    assert await disturbing > 0
    assert len({done.token for done in acknowledged}) == 8 * 25
    assert await admin.fetchval("SELECT count(*) FROM billing_inbox") == 8 * 25
    await assert_books_straight(admin)


async def test_an_unreachable_postgres_is_told_as_such(database: Database) -> None:
    pool = await open_pool(database.url, "daybook_writer", size_max=2)
    async with Executor(pool) as executor:
        pool.terminate()
        with pytest.raises(LedgerUnavailable):
            await executor.execute(envelope(open_account()))
