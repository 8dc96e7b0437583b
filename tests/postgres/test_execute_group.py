"""Commands that come together: all or none, or each for itself, under one identity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import asyncpg
import pytest

from services.execute.envelope import KEY_REUSED, Done, Envelope, Outcome, Refused
from services.execute.executor import Executor
from services.execute.group import Group
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    account_id,
    all_done,
    assert_books_straight,
    capture,
    codes,
    envelope,
    message,
    open_account,
    request,
)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6)) as executor:
        accounts = [envelope(open_account(patient)) for patient in ("p1", "p2", "p3")]
        assert all_done(await executor.execute_all(accounts))
        yield executor


def group(*commands: Any, atomic: bool = True, key: str = "k", **fields: Any) -> Envelope:
    return envelope(Group(commands=commands, atomic=atomic), request(key), **fields)


def bad(name: object = "bad", **fields: Any) -> Any:
    """Refused: it has no price."""
    return capture(name=name, **{"unit_price": None, **fields})


async def count(admin: asyncpg.Pool, table: str) -> int:
    counts = {
        "events": "SELECT count(*) FROM events WHERE stream_id LIKE 'chg%'",
        "outbox": "SELECT count(*) FROM billing_outbox WHERE event_ids[1] LIKE 'chg%'",
        "answers": "SELECT count(*) FROM billing_idempotency",
    }
    found: int = await admin.fetchval(counts[table])
    return found


def items_of(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Done), outcome
    return codes(list(outcome.items))


async def test_an_atomic_group_is_done_whole_and_seen_whole(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    commands = [capture(f"p{number % 3 + 1}", number) for number in range(30)]
    outcome = await executor.execute(group(*commands))
    assert items_of(outcome) == ["done"] * 30
    assert isinstance(outcome, Done)
    assert outcome.token == f"{commands[-1].charge_id}-1"
    # One row of the outbox, so that no reader sees a part of it.
    assert (await count(admin, "events"), await count(admin, "outbox")) == (30, 1)
    await assert_books_straight(admin)


async def test_an_atomic_group_is_refused_whole_and_names_the_item(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    outcome = await executor.execute(group(capture(name=1), capture(name=2), bad(), capture()))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.item) == ("PRICE_NOT_FOUND", 2)
    assert await count(admin, "events") == 0
    assert await count(admin, "answers") == 0  # it may be mended under its key
    assert isinstance(await executor.execute(group(capture(name=1))), Done)
    await assert_books_straight(admin)


async def test_a_sagas_group_is_done_once_and_holds_no_claim_while_it_is_refused(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    def step(*commands: Any, payload: bytes = b"the same") -> Envelope:
        wanted = Group(commands=commands, atomic=True)
        return envelope(wanted, message("adjust"), payload=payload)

    refused = await executor.execute(step(capture(name=1), bad()))
    assert isinstance(refused, Refused)
    first, again = [
        await executor.execute(step(capture(name=1), capture(name=2))) for _ in range(2)
    ]
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (again.token, again.replayed) == (first.token, True)
    assert await executor.execute(step(capture(name=3), payload=b"other")) == KEY_REUSED
    assert await count(admin, "events") == 2
    await assert_books_straight(admin)


async def test_a_refused_group_leaves_nothing_behind_for_the_commands_of_its_batch(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    """In one transaction: before it, in it, and after it, all on one account."""
    outcomes = await executor.execute_all(
        [
            envelope(capture(name="before")),
            group(capture(name=1), capture(name=2, unit_price=None), key="a"),
            envelope(capture(name="after")),
            group(capture(name=3), capture(name="before"), key="b"),
            group(capture(name=4), bad(), key="c", atomic=False),
        ]
    )
    assert codes(outcomes) == ["done", "PRICE_NOT_FOUND", "done", "done", "done"]
    assert items_of(outcomes[4]) == ["done", "PRICE_NOT_FOUND"]
    assert await count(admin, "events") == 4
    await assert_books_straight(admin)


async def test_items_for_themselves_are_answered_in_order(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    commands = (capture(name=1), bad(), capture("p2", 2), bad("x"), capture("p9", 3))
    first = await executor.execute(group(*commands, atomic=False))
    expected = ["done", "PRICE_NOT_FOUND", "done", "PRICE_NOT_FOUND", "NOT_FOUND"]
    assert items_of(first) == expected
    assert (await count(admin, "events"), await count(admin, "outbox")) == (2, 2)
    await assert_books_straight(admin)


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_repeated_group_is_answered_the_same_and_does_nothing(
    executor: Executor, admin: asyncpg.Pool, atomic: bool
) -> None:
    commands = (capture(name=1), capture("p2", 2), *(() if atomic else (bad(),)))
    first = await executor.execute(group(*commands, atomic=atomic))
    # In a transaction of its own, and twice in one.
    again = await executor.execute_all([group(*commands, atomic=atomic) for _ in range(2)])
    assert isinstance(first, Done)
    for outcome in again:
        assert isinstance(outcome, Done)
        assert outcome.replayed
        assert outcome.token == first.token
        assert [getattr(item, "token", item) for item in outcome.items][:2] == [
            getattr(item, "token", item) for item in first.items
        ][:2]
        assert [getattr(item, "code", "") for item in outcome.items] == [
            getattr(item, "code", "") for item in first.items
        ]
    assert await count(admin, "events") == 2


async def test_another_group_under_a_used_key_is_refused_whole(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    await executor.execute(group(capture(name=1)))
    other = group(capture(name=1), capture(name=2), payload=b"other")
    assert await executor.execute(other) == KEY_REUSED
    assert await count(admin, "events") == 1


async def test_a_group_of_which_nothing_came_may_be_mended_under_its_key(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    assert items_of(await executor.execute(group(bad(), atomic=False))) == ["PRICE_NOT_FOUND"]
    mended = group(capture(), atomic=False, payload=b"mended")
    assert items_of(await executor.execute(mended)) == ["done"]


async def test_a_group_waits_for_each_of_its_accounts(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    async with AsyncExitStack() as held:
        connection = await held.enter_async_context(admin.acquire())
        await held.enter_async_context(connection.transaction())
        await connection.execute(
            "SELECT FROM account_heads WHERE account_id = $1 FOR UPDATE", account_id("p2")
        )
        waiting = asyncio.ensure_future(
            executor.execute(group(capture("p1"), capture("p2"), capture("p3")))
        )
        # Its neighbours on other accounts are not held up.
        assert isinstance(await executor.execute(envelope(capture("p3", "free"))), Done)
        assert not waiting.done()
    assert items_of(await waiting) == ["done"] * 3
    await assert_books_straight(admin)


async def test_a_group_whose_account_stays_busy_times_out_whole(
    database: Database, admin: asyncpg.Pool, executor: Executor
) -> None:
    pool = await database.pool("daybook_writer", 4)
    async with (
        Executor(pool, lock_timeout_seconds=0.2) as hasty,
        admin.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute(
            "SELECT FROM account_heads WHERE account_id = $1 FOR UPDATE", account_id("p2")
        )
        outcome = await hasty.execute(group(capture("p1"), capture("p2"), atomic=False))
    assert codes([outcome]) == ["LOCK_TIMEOUT"]
    assert await count(admin, "events") == 0


async def test_groups_of_many_processes_that_cross_each_other_all_come_through(
    database: Database, admin: asyncpg.Pool, executor: Executor
) -> None:
    """Each over all accounts, in another order."""
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(Executor(await database.pool("daybook_writer", 5)))
            for _ in range(3)
        ]
        patients = ("p1", "p2", "p3")

        def shared(number: int, turn: int) -> Envelope:
            order = patients[turn:] + patients[:turn]
            return group(*(capture(each, number) for each in order), key=f"own-{number}")

        outcomes = await asyncio.gather(
            *(
                process.execute(shared(number * 3 + turn, turn))
                for number in range(12)
                for turn, process in enumerate(processes)
            )
        )
    assert all_done(list(outcomes))
    assert await count(admin, "events") == 12 * 3 * 3
    await assert_books_straight(admin)


async def test_a_fault_of_one_group_does_not_take_its_neighbours_along(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    broken = capture(name="broken", service_on=date(2026, 1, 2), code="\ud800")
    outcomes = await executor.execute_all(
        [
            group(capture(name=1), broken, key="a"),
            group(capture(name=2), broken, key="b", atomic=False),
            envelope(capture(name=3)),
        ]
    )
    assert codes(outcomes) == ["VALIDATION_FAILED", "done", "done"]
    assert items_of(outcomes[1]) == ["done", "VALIDATION_FAILED"]
    await assert_books_straight(admin)


async def test_great_groups_share_no_transaction(executor: Executor, admin: asyncpg.Pool) -> None:
    groups = [
        group(*(capture("p1", f"{key}/{n}") for n in range(400)), key=key) for key in ("a", "b")
    ]
    assert all_done(list(await executor.execute_all(groups)))
    moments = await admin.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM billing_outbox WHERE event_ids[1] LIKE 'chg%'"
    )
    assert moments == 2
