"""Answers by Idempotency-Key: kept 45 days at least, then gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.execute.executor import Executor
from services.execute.expiry import expire_answers, keep_expiring
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import capture, codes, envelope, open_account, request


@pytest.fixture
async def writer(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 6)


async def answer(writer: asyncpg.Pool, tenant: str, *, days_ago: int, **fields: Any) -> list[str]:
    """A charge under a key of that age."""

    def then() -> datetime:
        return datetime.now(UTC) - timedelta(days=days_ago)

    async with Executor(writer, now=then) as executor:
        opened = envelope(open_account(unless_open=True), tenant=tenant)
        asked = envelope(capture(**fields), request(f"{days_ago} days"), tenant=tenant)
        return codes(await executor.execute_all([opened, asked]))


async def keys(database: Database) -> list[str]:
    admin = await database.admin()
    rows = await admin.fetch("SELECT tenant || ': ' || key AS kept FROM billing_idempotency")
    return sorted(row["kept"] for row in rows)


async def test_an_answer_lives_45_days_and_not_much_longer(
    database: Database, writer: asyncpg.Pool
) -> None:
    for tenant in ("demo", "other"):
        for days in (0, 44, 46, 400):
            await answer(writer, tenant, days_ago=days)
    assert await expire_answers(writer) == 4
    assert await keys(database) == [
        f"{tenant}: {days} days" for tenant in ("demo", "other") for days in (0, 44)
    ]


async def test_an_expired_key_is_taken_anew_and_its_stream_still_tells_the_repeat(
    database: Database, writer: asyncpg.Pool
) -> None:
    await answer(writer, "demo", days_ago=46)
    await expire_answers(writer)
    assert await answer(writer, "demo", days_ago=46) == ["done", "done"]
    admin = await database.admin()
    assert await admin.fetchval("SELECT count(*) FROM events") == 2


async def test_an_expired_key_does_not_swallow_another_command(
    database: Database, writer: asyncpg.Pool
) -> None:
    await answer(writer, "demo", days_ago=46)
    await expire_answers(writer)
    assert await answer(writer, "demo", days_ago=46, quantity=2) == ["done", "ALREADY_EXISTS"]
    admin = await database.admin()
    assert await admin.fetchval("SELECT count(*) FROM events") == 2


async def test_nobody_removes_an_answer_by_other_means(writer: asyncpg.Pool) -> None:
    for statement in (
        "DELETE FROM billing_idempotency",
        "UPDATE billing_idempotency SET recorded_at = now()",
        "DELETE FROM billing_inbox",
        "UPDATE billing_inbox SET version = 1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)


async def test_only_the_write_path_may_expire_answers(database: Database) -> None:
    for role in ("daybook_reader", "daybook_sequencer", "daybook_projector", "daybook_auditor"):
        pool = await database.pool(role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await expire_answers(pool)


async def test_expiring_goes_on_until_it_is_stopped(
    database: Database, writer: asyncpg.Pool
) -> None:
    stopping = asyncio.Event()
    expiring = asyncio.create_task(keep_expiring(writer, stopping, every_seconds=0.01))

    async def none_left() -> bool:
        return await keys(database) == []

    for days in (50, 60):
        await answer(writer, "demo", days_ago=days)
        await until(none_left)
    stopping.set()
    await asyncio.wait_for(expiring, 5)


async def test_expiring_outlives_a_postgres_that_is_away(
    database: Database, writer: asyncpg.Pool
) -> None:
    await answer(writer, "demo", days_ago=50)
    admin = await database.admin()
    stopping = asyncio.Event()
    await admin.execute("ALTER TABLE billing_idempotency RENAME TO away")
    expiring = asyncio.create_task(keep_expiring(writer, stopping, every_seconds=0.01))
    await asyncio.sleep(0)
    await admin.execute("ALTER TABLE away RENAME TO billing_idempotency")

    async def none_left() -> bool:
        return await keys(database) == []

    await until(none_left)
    stopping.set()
    await asyncio.wait_for(expiring, 5)
