"""What an account owes on no invoice and the credit that refunds hold, with the items that the
executor loads for each command."""

from collections import Counter
from importlib.resources import files
from typing import Any

import asyncpg
import msgspec

from contracts.adjustment import AdjustmentReason, Direction
from contracts.money import Money
from domain.adjustment import ApplyAdjustment
from domain.refund import ApproveRefund, FailRefund, PostRefund
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    account_id,
    all_done,
    assert_books_straight,
    codes,
    envelope,
    open_account,
    pay,
)
from tests.postgres.test_execute_corrections import (
    OWED,
    adjust,
    admin,
    allocate,
    ask,
    balances,
    done,
    processes,
    race,
    refund,
    void,
)

__all__ = ["admin", "processes"]  # fixtures


def on_account(name: str, direction: Direction, minor: int) -> ApplyAdjustment:
    """An adjustment of the account, on no invoice."""
    return msgspec.structs.replace(
        adjust(name, minor, AdjustmentReason.CORRECTION), invoice_id=None, direction=direction
    )


def approve(name: object) -> ApproveRefund:
    return ApproveRefund(refund_id=refund(name), approved_by="user:bea")


DEBIT, CREDIT = Direction.DEBIT, Direction.CREDIT
COMMANDS: tuple[Any, ...] = (
    *OWED,
    pay(minor=12_500),
    on_account("1", DEBIT, 3_000),
    ask(1, 5_000),
    approve(1),
    PostRefund(refund_id=refund(1)),
    pay(name="2", minor=10_000),  # 80.00 was owed on no invoice
    ask(2, 1_500),
    on_account("2", DEBIT, 1_000),
    allocate(1),  # of what the refund does not hold
    approve(2),
    PostRefund(refund_id=refund(2)),
    FailRefund(refund_id=refund(2), code="charge_disputed"),
    FailRefund(refund_id=refund(1), code="charge_disputed"),  # 5.00 of it is owed by now
    on_account("3", DEBIT, 700),
    void(),
    on_account("4", DEBIT, 300),
    on_account("5", CREDIT, 300),
)


async def test_each_command_finds_what_is_owed_beside_invoices_and_what_is_held(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    await done(processes[0], *COMMANDS)
    assert await balances(admin) == [(0, 12_500 + 10_000 - 3_000 - 1_000 - 700)]
    assert [row["kind"] for row in await admin.fetch("SELECT kind FROM open_items")] == []
    await assert_books_straight(admin)


async def test_commands_of_one_batch_find_what_those_before_them_left_beside_invoices(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    stored = COMMANDS.index(ask(1, 5_000))
    await done(processes[0], *COMMANDS[:stored])
    batch = [envelope(command) for command in COMMANDS[stored:]]
    assert all_done(await processes[0].execute_all(batch))
    assert await balances(admin) == [(0, 12_500 + 10_000 - 3_000 - 1_000 - 700)]
    await assert_books_straight(admin)


async def test_a_refund_of_which_nobody_knows_the_account_yet_finds_what_is_owed(
    database: Database, admin: asyncpg.Pool
) -> None:
    """Asked for in the same batch, it has no account to load for: nothing is written over."""
    await admin.execute("INSERT INTO refund_thresholds VALUES ('demo', 'USD', 10000)")
    stored = COMMANDS[: COMMANDS.index(ask(1, 5_000))]
    batch = [ask(1, 5_000), PostRefund(refund_id=refund(1))]
    fail = FailRefund(refund_id=refund(1), code="charge_disputed")
    async with Executor(await database.pool("daybook_writer", 4), lanes=1) as executor:
        await done(executor, *stored)
        assert all_done(await executor.execute_all([envelope(command) for command in batch]))
        assert await balances(admin) == [(8_000, 0)]
        again = [
            on_account("2", DEBIT, 1_000),
            ask(2, 1_000),
            PostRefund(refund_id=refund(2)),
            fail,
        ]
        assert all_done(await executor.execute_all([envelope(command) for command in again]))
    assert await balances(admin) == [(5_000, 0)]
    await assert_books_straight(admin)


async def test_refunds_and_allocations_race_for_the_same_credit(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    await done(processes[0], open_account(), pay(minor=5_000), on_account("1", DEBIT, 9_000))
    part = Money.of(1_000, "USD")
    commands = [
        each for number in range(5) for each in (ask(number, 1_000), allocate(number, amount=part))
    ]
    outcomes = await race(processes, commands)
    assert Counter(codes(outcomes[::2])) == {"done": 5}
    allocated = codes(outcomes[1::2]).count("done")
    held = await admin.fetchval("SELECT sum(outstanding_minor) FROM open_items WHERE kind = 'held'")
    assert await balances(admin) == [(9_000 - 1_000 * allocated, 5_000 - 1_000 * allocated)]
    assert held == 5_000 - 1_000 * allocated
    await assert_books_straight(admin)


async def test_an_older_store_gets_what_is_owed_beside_invoices_from_its_events(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    """None of them is in the log yet."""
    other = msgspec.structs.replace(on_account("o", DEBIT, 400), account_id=account_id("p2"))
    await done(
        processes[0],
        *(OWED[:1]),
        open_account("p2"),
        pay(minor=5_000, allocations=()),
        on_account("1", DEBIT, 2_000),
        ask(1, 5_000),
        approve(1),
        PostRefund(refund_id=refund(1)),
        on_account("2", CREDIT, 2_000),
        on_account("3", DEBIT, 900),
        other,
    )
    query = "SELECT * FROM open_items ORDER BY tenant, account_id, kind"
    kept = await admin.fetch(query)
    assert [row["outstanding_minor"] for row in kept if row["kind"] == "unallocated"]
    await admin.execute("DELETE FROM open_items WHERE kind = 'unallocated'")
    migration = files("services.adapters.postgres") / "migrations" / "0033_unallocated.sql"
    await admin.execute(migration.read_text())
    assert await admin.fetch(query) == kept
    await assert_books_straight(admin)
