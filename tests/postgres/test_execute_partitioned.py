"""`events` partitioned as decision 6 says: nothing of it has the say on versions, the heads do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contracts.ids import RejectionId, derive
from contracts.intake import IntakeRejected
from contracts.remittance import ClaimOutcome, ClaimResult
from domain.intake import DiscardIntake, RejectIntake, RetryIntake
from domain.remittance import SettleClaims
from services.execute.append import Decisions
from services.execute.envelope import Envelope
from services.execute.executor import Executor
from services.execute.faults import StreamMoved
from services.execute.load import Books, account_head, load_books
from tests.fixtures.commands import REMITTANCE_ID, recorded_remittance
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    all_done,
    assert_books_straight,
    capture,
    codes,
    envelope,
    open_account,
)

PARTITIONED = (Path(__file__).parents[1] / "fixtures" / "partitioned.sql").read_text()
REJECTION = IntakeRejected(
    rejection_id=RejectionId(derive("rej", "1")),
    subject="intake.demo",
    code="VALIDATION_FAILED",
    detail="no JSON",
    received_at=datetime(2026, 1, 2, tzinfo=UTC),
)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    admin = await database.admin()
    await admin.execute(PARTITIONED)
    return admin


@pytest.fixture
async def writer(database: Database, admin: asyncpg.Pool) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 12)


@pytest.fixture
async def executor(writer: asyncpg.Pool) -> AsyncIterator[Executor]:
    async with Executor(writer) as executor:
        yield executor


def settle(*claims: int) -> Envelope:
    outcomes = tuple(ClaimOutcome(claim=claim, result=ClaimResult.POSTED) for claim in claims)
    return envelope(SettleClaims(remittance_id=REMITTANCE_ID, outcomes=outcomes))


async def loaded(writer: asyncpg.Pool, asked: Envelope) -> Books:
    """The books of a batch that decides and writes later than others."""
    async with writer.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        return await load_books(connection, [asked], [None], {}, datetime.now(UTC))


async def appended(writer: asyncpg.Pool, books: Books, asked: Envelope) -> list[Any]:
    async with writer.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        return await Decisions(books).append(connection, [asked])


async def test_of_two_racers_for_one_version_of_a_stream_one_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    assert all_done([await executor.execute(envelope(recorded_remittance()))])
    async with Executor(writer) as other, admin.acquire() as terminal:
        held = terminal.transaction()
        await held.start()
        # Whoever appends waits for this lock: by then both have loaded the same version.
        await terminal.execute("LOCK TABLE billing_outbox IN SHARE MODE")
        one_event = asyncio.ensure_future(executor.execute(settle(0)))
        await until(lambda: _are_waiting(admin, 1))
        two_events = asyncio.ensure_future(other.execute(settle(0, 1)))
        await until(lambda: _are_waiting(admin, 2))
        await held.rollback()
        assert all_done([await one_event, await two_events])
    await assert_books_straight(admin)


async def _are_waiting(admin: asyncpg.Pool, count: int) -> bool:
    waiting = await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(waiting >= count)


async def test_who_would_pass_over_a_version_of_a_stream_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    assert all_done([await executor.execute(envelope(recorded_remittance()))])
    books = await loaded(writer, settle(0, 1))
    assert all_done([await executor.execute(settle(0))])  # version 2, committed
    with pytest.raises(StreamMoved):
        await appended(writer, books, settle(0, 1))  # versions 2 and 3
    await assert_books_straight(admin)


async def test_who_would_write_the_same_version_of_a_stream_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    stream = REJECTION.rejection_id
    assert all_done([await executor.execute(envelope(RejectIntake(rejection=REJECTION)))])
    retried = envelope(RetryIntake(rejection_id=stream, message_id="m-2"))
    books = await loaded(writer, retried)
    discarded = envelope(DiscardIntake(rejection_id=stream, reason="a test"))
    assert all_done([await executor.execute(discarded)])
    with pytest.raises(StreamMoved):
        await appended(writer, books, retried)
    await assert_books_straight(admin)


async def test_who_would_open_a_stream_again_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    asked = envelope(recorded_remittance())
    books = await loaded(writer, asked)
    assert all_done([await executor.execute(asked)])
    with pytest.raises(StreamMoved):
        await appended(writer, books, asked)
    await assert_books_straight(admin)


@pytest.mark.parametrize("others", [1, 2])
async def test_who_works_on_an_account_of_before_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool, others: int
) -> None:
    """Its lock keeps everybody out; should it ever not, the version does."""
    assert all_done([await executor.execute(envelope(open_account()))])
    books = await loaded(writer, envelope(open_account()))
    books["demo"].accounts.update(await _account_heads(admin))
    for n in range(others):
        assert all_done([await executor.execute(envelope(capture("p1", f"other-{n}")))])
    with pytest.raises(StreamMoved):
        await appended(writer, books, envelope(capture("p1", "late")))
    await assert_books_straight(admin)


async def _account_heads(admin: asyncpg.Pool) -> dict[str, Any]:
    rows = await admin.fetch("SELECT * FROM account_heads")
    return {row["account_id"]: account_head(row) for row in rows}


async def test_who_would_open_an_account_again_decides_again(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    asked = envelope(open_account())
    books = await loaded(writer, asked)
    assert all_done([await executor.execute(asked)])
    # Only the head of the account stands against it.
    await admin.execute("DELETE FROM claims; DELETE FROM stream_heads")
    with pytest.raises(StreamMoved, match="head"):
        await appended(writer, books, asked)


async def test_the_ledger_works_on_partitions_as_on_a_table(
    executor: Executor, writer: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    asked = [envelope(command) for command in (open_account(), capture(), capture())]
    assert codes(await executor.execute_all(asked)) == ["done", "done", "done"]
    assert await writer.fetchval("SELECT count(*) FROM events") == 0  # of no tenant
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await admin.execute("DELETE FROM events")
    await assert_books_straight(admin)
