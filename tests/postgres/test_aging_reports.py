"""Ageing reports in Postgres: which days are due, nobody reads half of one, and old ones go."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from projections.aging import Asked, find_aged_accounts, find_reports, refresh
from services.aging import (
    DayAhead,
    ReadModelBehind,
    ended_days,
    refresh_ended_days,
    refresh_on_demand,
)
from services.tenant_view import tenant_view
from tests.fixtures.databases import Database
from tests.fixtures.ledger_events import FACILITY, LedgerEvents
from tests.fixtures.read_models import ReadModels

DAY = date(2026, 12, 1)
KABUL = "Asia/Kabul"  # 4:30 ahead of UTC: midnight there is 19:30


@pytest.fixture
async def reporters(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_reporter", 4)


async def _bill(read_models: ReadModels, accounts: int = 1) -> LedgerEvents:
    ledger = LedgerEvents()
    for number in range(accounts):
        account = ledger.open_account(f"pat-{number}")
        ledger.charge(account, 10_000, 0)
        ledger.issue(account, ledger.draft(account))
    await read_models.write_log(ledger.recorded)
    await read_models.catch_up(len(ledger.recorded))
    return ledger


async def _due(reporters: asyncpg.Pool, at: datetime) -> list[Asked]:
    async with tenant_view(reporters, "demo") as connection:
        return await ended_days(connection, at)


async def test_a_day_is_due_half_an_hour_after_its_local_midnight_and_then_no_more(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models)
    await read_models.admin.execute(
        "INSERT INTO facility_settings VALUES ('demo', $1, $2)", FACILITY, KABUL
    )
    midnight = datetime(2026, 12, 1, 19, 30, tzinfo=UTC)
    minutes = timedelta(minutes=1)
    before = await _due(reporters, midnight + 29 * minutes)
    assert before == [Asked(FACILITY, DAY - timedelta(days=1), KABUL)]
    assert await _due(reporters, midnight + 30 * minutes) == [Asked(FACILITY, DAY, KABUL)]


async def test_only_a_report_that_was_computed_behind_the_day_is_its_last(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models)
    now = datetime.now(UTC)
    async with tenant_view(reporters, "demo") as connection:
        await refresh_on_demand(connection, now, as_of=now.date() - timedelta(days=3))
        await refresh_on_demand(connection, now)
        [due] = await refresh_ended_days(connection, now)
        assert due.as_of < now.date()
        assert await ended_days(connection, now) == []
        # The same day, had it been computed while it lasted.
        tomorrow = now + timedelta(days=1)
        assert [asked.as_of for asked in await ended_days(connection, tomorrow)] == [
            due.as_of + timedelta(days=1)
        ]


async def test_a_day_that_has_not_begun_has_no_report(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models)
    at = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    async with tenant_view(reporters, "demo") as connection:
        with pytest.raises(DayAhead, match="it is 2026-12-01 at facility KBL"):
            await refresh_on_demand(connection, at, as_of=date(2026, 12, 2))
        assert await refresh_on_demand(connection, at, facility="nowhere") == []


async def test_a_nightly_report_is_refused_while_the_read_model_is_behind(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    ledger = await _bill(read_models)
    known = len(ledger.recorded)
    ledger.open_account("late")
    await read_models.write_log(ledger.recorded[known:])
    async with tenant_view(reporters, "demo") as connection:
        with pytest.raises(ReadModelBehind, match="1 events behind"):
            await refresh_ended_days(connection, datetime.now(UTC))


async def test_nobody_reads_half_a_report_however_many_refresh_it_at_once(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models, accounts=200)
    asked = [Asked(FACILITY, DAY, "UTC")]
    done = asyncio.Event()
    seen: set[int] = set()

    async def compute() -> None:
        for _ in range(4):
            async with tenant_view(reporters, "demo") as connection:
                await refresh(connection, asked)

    async def look() -> None:
        while not done.is_set():
            async with read_models.reader("demo") as connection:
                found = await find_reports(connection)
                accounts = await find_aged_accounts(connection, facility=FACILITY, limit=500)
            if found is None or accounts is None:
                assert not seen, "a report was there before"
                continue
            [total] = found.reports.reports[0].totals
            assert (total.accounts, len(accounts.items)) == (200, 200)
            assert total.balance.minor == 200 * 10_000
            seen.add(found.newest)

    looking = asyncio.create_task(look())
    await asyncio.gather(compute(), compute(), compute())
    done.set()
    await looking
    assert len(seen) > 1


async def test_a_report_that_nobody_computes_again_is_dropped(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models)
    async with tenant_view(reporters, "demo") as connection:
        await refresh(connection, [Asked(FACILITY, date(2026, 1, 31), "UTC")])
    await read_models.admin.execute(
        "UPDATE read.aging_reports SET refreshed_at = now() - interval '36 days'"
    )
    async with tenant_view(reporters, "demo") as connection:
        await refresh(connection, [Asked(FACILITY, DAY, "UTC")])
    rows = await read_models.admin.fetch("SELECT as_of FROM read.aging_reports")
    assert [row["as_of"] for row in rows] == [DAY]
    assert await read_models.admin.fetchval("SELECT count(*) FROM read.aging_accounts") == 1


async def test_who_computes_reports_reads_read_models_and_writes_nothing_else(
    read_models: ReadModels, reporters: asyncpg.Pool
) -> None:
    await _bill(read_models)
    async with tenant_view(reporters, "other") as connection:
        assert await connection.fetchval("SELECT count(*) FROM read.account_balances") == 0
        assert await refresh_on_demand(connection, datetime.now(UTC)) == []
    for statement in (
        "SELECT * FROM daybook.events",
        "SELECT * FROM daybook.subject_keys",
        "UPDATE read.aging_reports SET position = 0",
        "DELETE FROM read.account_balances",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reporters.execute(statement)
