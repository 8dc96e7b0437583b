"""Dates in the books: local to the facility, and never in a sealed period."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import asyncpg
import pytest

from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    invoice_id,
    issue,
    open_account,
    pay,
)

# New year in Kabul, the old one in New York and for the tenant, whose zone is the default.
NEW_YEAR = datetime(2025, 12, 31, 20, tzinfo=UTC)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    admin = await database.admin()
    await admin.execute(
        "INSERT INTO facility_settings VALUES ('demo', 'kabul', 'Asia/Kabul'),"
        " ('demo', 'york', 'America/New_York'), ('other', 'north', 'Asia/Kabul')"
    )
    return admin


@pytest.fixture
async def executor(database: Database, admin: asyncpg.Pool) -> AsyncIterator[Executor]:
    pool = await database.pool("daybook_writer", 6)
    async with Executor(pool, now=lambda: NEW_YEAR) as executor:
        yield executor


async def booked(admin: asyncpg.Pool, facility: str, tenant: str = "demo") -> set[date]:
    rows = await admin.fetch(
        "SELECT DISTINCT booked_on FROM ledger_entries WHERE facility = $1 AND tenant = $2",
        facility,
        tenant,
    )
    return {row["booked_on"] for row in rows}


async def test_what_is_booked_at_one_moment_is_booked_on_each_facilitys_own_day(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    commands = [
        open_account(),
        *(capture(name=place, facility=place) for place in ("kabul", "york", "north")),
    ]
    assert all_done(await executor.execute_all([envelope(command) for command in commands]))
    others = [envelope(c, tenant="other") for c in (open_account(), capture(facility="north"))]
    assert all_done(await executor.execute_all(others))
    assert await booked(admin, "kabul") == {date(2026, 1, 1)}
    assert await booked(admin, "york") == {date(2025, 12, 31)}
    assert await booked(admin, "north") == {date(2025, 12, 31)}
    assert await booked(admin, "north", "other") == {date(2026, 1, 1)}


async def test_an_invoice_has_the_number_and_the_dates_of_its_facilitys_year(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account()))
    for place in ("kabul", "york"):
        commands = (capture(name=place), draft(name=place, facility=place), issue(name=place))
        assert all_done(await executor.execute_all([envelope(command) for command in commands]))
    rows = await admin.fetch("SELECT item_id, number, due_on FROM open_items")
    assert {(row["item_id"], row["number"], row["due_on"]) for row in rows} == {
        (invoice_id("kabul"), "kabul-2026-000001", date(2026, 1, 31)),
        (invoice_id("york"), "york-2025-000001", date(2026, 1, 30)),
    }


async def test_what_comes_after_the_seal_is_booked_on_the_first_open_day(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    late = capture(name="late", service_on=date(2025, 12, 1), facility="york")
    assert all_done(
        await executor.execute_all([envelope(open_account()), envelope(capture(facility="york"))])
    )
    await admin.execute("INSERT INTO tenant_settings VALUES ('demo', 'UTC', '{}', '2025-12-31')")
    commands = (late, pay(minor=500))
    assert all_done(await executor.execute_all([envelope(command) for command in commands]))
    rows = await admin.fetch(
        "SELECT effective_on, booked_on FROM ledger_entries WHERE gl_account = '4000' ORDER BY 2"
    )
    assert [tuple(row) for row in rows] == [
        (date(2026, 1, 2), date(2025, 12, 31)),
        (date(2025, 12, 1), date(2026, 1, 1)),
    ]
    await assert_books_straight(admin)


async def test_a_seal_without_an_end_refuses_what_it_shuts_out_and_nothing_else(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = [envelope(command) for command in (open_account(), capture(), draft())]
    assert all_done(await executor.execute_all(asked))
    await admin.execute("INSERT INTO tenant_settings VALUES ('demo', 'UTC', '{}', '9999-12-31')")
    shut = [envelope(command) for command in (capture(name="late"), issue(), pay(minor=500))]
    outcomes = await executor.execute_all([*shut, envelope(open_account("p2"))])
    assert codes(outcomes) == [*["STATE_CONFLICT"] * 3, "done"]
    await assert_books_straight(admin)


async def test_settings_that_change_count_from_the_next_batch_on(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute_all([envelope(open_account()), envelope(capture(facility="york"))])
    await admin.execute(
        "UPDATE facility_settings SET time_zone = 'Asia/Tokyo' WHERE facility = 'york'"
    )
    await executor.execute(envelope(capture(name=2, facility="york")))
    assert await booked(admin, "york") == {date(2025, 12, 31), date(2026, 1, 1)}


async def test_a_tax_rule_counts_by_facility_code_and_service_date(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await admin.execute(
        "INSERT INTO tax_rules VALUES"
        " ('demo', 'general', '*', '*', '[2026-01-02,2026-01-02]', 100000),"
        " ('demo', 'york', 'york', '*', '[2000-01-01,)', 200000),"
        " ('other', 'theirs', '*', '*', '[2000-01-01,)', 500000)"
    )
    commands = [
        open_account(),
        capture(name=1),
        capture(name=2, service_on=date(2026, 1, 3)),
        capture(name=3, facility="york"),
    ]
    assert codes(await executor.execute_all([envelope(c) for c in commands])) == ["done"] * 4
    taxed = await admin.fetch(
        "SELECT amount_minor FROM ledger_entries WHERE gl_account = '2200' ORDER BY amount_minor"
    )
    assert [row["amount_minor"] for row in taxed] == [-2500, -1250]
