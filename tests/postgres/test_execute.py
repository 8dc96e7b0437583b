"""The write path against a real Postgres: what a command leaves behind."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.execute.envelope import Done, Refused
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    account_id,
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    invoice_id,
    issue,
    message,
    open_account,
    pay,
)


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6)) as executor:
        yield executor


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


async def test_a_charge_is_captured_invoiced_and_paid_in_one_batch(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    outcomes = await executor.execute_all(
        [
            envelope(open_account()),
            envelope(capture(name=1)),
            envelope(capture(name=2)),
            envelope(draft()),
            envelope(issue()),
            envelope(pay(minor=26_000)),
        ]
    )
    assert all_done(outcomes)
    heads = await admin.fetch("SELECT receivable_minor, credit_minor, version FROM account_heads")
    assert [tuple(head) for head in heads] == [(0, 1000, 7)]
    assert await admin.fetchval("SELECT count(*) FROM open_items") == 0
    await assert_books_straight(admin)


async def test_a_command_that_settles_an_invoice_is_one_outbox_row_of_two_events(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    commands = [open_account(), capture(), draft(), issue(), pay(minor=12_500)]
    outcomes = await executor.execute_all([envelope(command) for command in commands])
    rows = await admin.fetch("SELECT event_ids FROM billing_outbox ORDER BY id")
    assert [len(row["event_ids"]) for row in rows] == [1, 1, 1, 1, 2]
    paid = outcomes[-1]
    assert isinstance(paid, Done)
    assert rows[-1]["event_ids"] == [f"{paid.stream_id}-1", f"{invoice_id('1')}-3"]
    assert paid.token == f"{invoice_id('1')}-3"


async def test_outbox_rows_lie_in_the_order_of_the_commands(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account()))
    outcomes = await executor.execute_all([envelope(capture(name=n)) for n in range(300)])
    rows = await admin.fetch("SELECT event_ids FROM billing_outbox ORDER BY id OFFSET 1")
    assert [row["event_ids"] for row in rows] == [
        [outcome.token] for outcome in outcomes if isinstance(outcome, Done)
    ]


async def test_two_commands_on_one_stream_in_one_batch_both_hold(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute_all([envelope(open_account()), envelope(capture())])
    outcomes = await executor.execute_all([envelope(draft()), envelope(issue())])
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Done)] == [1, 2]
    await assert_books_straight(admin)


async def test_64_callers_on_one_account_all_hold_and_are_counted(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account()))
    outcomes = await asyncio.gather(
        *(executor.execute(envelope(capture(name=n), message(str(n)))) for n in range(64))
    )
    assert all_done(list(outcomes))
    heads = await admin.fetch("SELECT version, receivable_minor FROM account_heads")
    assert [tuple(head) for head in heads] == [(65, 64 * 12_500)]
    await assert_books_straight(admin)


async def test_a_refused_command_leaves_the_batch_and_nothing_behind(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account()))
    outcomes = await executor.execute_all(
        [
            envelope(capture(name=1)),
            envelope(capture(name=2, quantity=0)),
            envelope(capture("nobody", 3)),
            envelope(capture(name=4)),
        ]
    )
    assert codes(outcomes) == ["done", "VALIDATION_FAILED", "NOT_FOUND", "done"]
    assert await admin.fetchval("SELECT count(*) FROM events") == 3
    await assert_books_straight(admin)


async def test_a_command_that_decides_nothing_answers_with_its_stream(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute_all([envelope(open_account()), envelope(capture())])
    again = await executor.execute(envelope(capture()))
    assert isinstance(again, Done)
    assert (again.version, again.token) == (1, f"{again.stream_id}-1")
    assert await admin.fetchval("SELECT count(*) FROM billing_outbox") == 2


async def test_a_batch_may_span_tenants_that_know_nothing_of_each_other(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    outcomes = await executor.execute_all(
        [
            envelope(open_account()),
            envelope(capture()),
            envelope(open_account(), tenant="other"),
            envelope(capture(), tenant="other"),
            envelope(capture(), tenant="third"),
        ]
    )
    assert codes(outcomes) == ["done", "done", "done", "done", "NOT_FOUND"]
    for tenant in ("demo", "other", "third"):
        await assert_books_straight(admin, tenant)


@pytest.mark.parametrize("tenant", ["demo,other", "", "Demo", "a.b", "a" * 64, "demo\0"])
async def test_a_tenant_that_is_no_subject_token_is_refused(
    executor: Executor, tenant: str
) -> None:
    outcomes = await executor.execute_all(
        [envelope(open_account(), tenant=tenant), envelope(open_account())]
    )
    assert codes(outcomes) == ["VALIDATION_FAILED", "done"]


async def test_the_account_version_that_a_caller_names_must_be_the_current_one(
    executor: Executor,
) -> None:
    await executor.execute_all([envelope(open_account()), envelope(capture(name=1))])
    stale = await executor.execute(envelope(capture(name=2), expected_version=1))
    assert isinstance(stale, Refused)
    assert (stale.code, stale.transient) == ("ACCOUNT_VERSION_CONFLICT", False)
    assert "is at version 2, not 1" in stale.detail
    assert isinstance(await executor.execute(envelope(capture(name=2), expected_version=2)), Done)


async def test_of_two_commands_that_name_the_same_version_one_holds(executor: Executor) -> None:
    await executor.execute(envelope(open_account()))
    outcomes = await executor.execute_all(
        [envelope(capture(name=n), expected_version=1) for n in (1, 2)]
    )
    assert codes(outcomes) == ["done", "ACCOUNT_VERSION_CONFLICT"]


async def test_a_command_that_names_no_account_is_held_to_the_version_of_its_own(
    executor: Executor,
) -> None:
    await executor.execute_all([envelope(c) for c in (open_account(), capture(), draft())])
    stale = await executor.execute(envelope(issue(None), expected_version=1))
    assert codes([stale]) == ["ACCOUNT_VERSION_CONFLICT"]
    assert codes([await executor.execute(envelope(issue(None), expected_version=3))]) == ["done"]


async def test_an_invoice_is_issued_without_naming_its_account(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute_all([envelope(c) for c in (open_account(), capture(), draft())])
    assert codes([await executor.execute(envelope(issue(None)))]) == ["done"]
    assert await admin.fetchval("SELECT version FROM account_heads") == 4
    await assert_books_straight(admin)


async def test_a_second_account_of_a_patient_and_currency_is_refused(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(envelope(open_account()))
    namesake = open_account(account_id=account_id("another"))
    outcomes = await executor.execute_all(
        [envelope(capture()), envelope(namesake), envelope(open_account("p2"))]
    )
    assert codes(outcomes) == ["done", "ALREADY_EXISTS", "done"]
    await assert_books_straight(admin)
