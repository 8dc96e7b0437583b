"""Locks before loading: had in one order by everybody, and what is made behind them is noticed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from contracts.columns import columns
from services.execute.batch import Batch
from services.execute.envelope import Envelope
from services.execute.executor import Executor
from services.execute.faults import StreamMoved
from services.execute.load import Account, Books, account_head, load_books
from services.execute.statements import sql
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    account_id,
    all_done,
    capture,
    draft,
    envelope,
    issue,
    open_account,
)

P1: Account = ("demo", account_id("p1"))
HISTORY = (open_account(), capture(), draft())


@pytest.fixture
async def writer(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 4)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


async def settled(writer: asyncpg.Pool, *commands: Any) -> None:
    async with Executor(writer) as executor:
        assert all_done(await executor.execute_all([envelope(command) for command in commands]))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("wait", "statement"), [(True, "lock_accounts_waiting.sql"), (False, "lock_accounts.sql")]
)
async def test_accounts_are_locked_in_one_order_by_everybody(
    writer: asyncpg.Pool, wait: bool, statement: str
) -> None:
    """Two who wait for each other's accounts would otherwise wait in a ring."""
    patients = [f"q{n}" for n in range(60)]
    await settled(writer, *(open_account(patient) for patient in patients))
    asked = [envelope(capture(patient)) for patient in (*patients[30:], *patients[:30])]
    logged: list[Any] = []
    async with writer.acquire() as connection:
        with connection.query_logger(logged.append):
            await Batch(asked, wait=wait, lock_timeout_seconds=5).run(connection, now)
    locked = [query.args for query in logged if query.query == sql(statement)]
    in_order = sorted(("demo", account_id(patient)) for patient in patients)
    assert [list(args) for args in locked] == [columns(in_order, "tt")]


async def loaded(
    writer: asyncpg.Pool, asked: Sequence[Envelope], accounts: Sequence[Account | None], *heads: Any
) -> Books:
    """The books of a batch that found and locked its accounts before."""
    locked = {("demo", head["account_id"]): account_head(head) for head in heads}
    async with writer.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        return await load_books(connection, asked, accounts, locked, now())


async def test_a_draft_that_was_made_after_the_locks_is_not_issued_without_one(
    writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    await settled(writer, *HISTORY)
    asked = [envelope(issue(None))]
    with pytest.raises(StreamMoved, match="made after the locks"):
        await loaded(writer, asked, [None])
    head = await admin.fetchrow("SELECT * FROM account_heads")
    books = await loaded(writer, asked, [P1], head)
    assert books["demo"].states[asked[0].command.invoice_id].account_id == P1[1]


async def test_an_account_that_was_opened_after_the_locks_takes_nothing_without_one(
    writer: asyncpg.Pool,
) -> None:
    opened = [envelope(open_account(unless_open=True)), envelope(capture())]
    await loaded(writer, opened, [P1, P1])
    await settled(writer, *HISTORY)
    with pytest.raises(StreamMoved, match="made after the locks"):
        await loaded(writer, opened, [P1, P1])


async def test_a_stream_of_an_account_that_was_opened_after_the_locks_is_not_moved(
    writer: asyncpg.Pool,
) -> None:
    await settled(writer, *HISTORY)
    with pytest.raises(StreamMoved, match="made after the locks"):
        await loaded(writer, [envelope(capture())], [P1])
