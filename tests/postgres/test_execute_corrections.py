"""Voids, credit and refunds in Postgres: raced for, of thousands of lines, and after an upgrade."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from importlib.resources import files
from typing import Any

import asyncpg
import msgspec
import pytest

from contracts import ids
from contracts.adjustment import AdjustmentReason, Direction
from contracts.invoice import LINES_PER_EVENT_MAX
from contracts.money import Money
from contracts.private import Private
from domain.adjustment import ApplyAdjustment
from domain.card import CompleteCardPayment, FailCardPayment, InitiateCardPayment
from domain.credit import AllocateCredit
from domain.invoice import VoidInvoice
from domain.payment import Posted
from domain.refund import ApproveRefund, FailRefund, PostRefund, RejectRefund, RequestRefund
from services.execute.envelope import Outcome
from services.execute.executor import Executor
from services.execute.load import decode_state
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
    open_account,
    pay,
)

PAYMENT = ids.PaymentId(ids.derive("pay", "1"))
REASON = Private(subject="p1", sealed="c2VhbGVk")
OWED = (open_account(), capture(), draft(), issue())
"""125.00, issued."""


def void(name: str = "1") -> VoidInvoice:
    return VoidInvoice(invoice_id=invoice_id(name), reason=REASON)


def refund(name: object = 1) -> ids.RefundId:
    return ids.RefundId(ids.derive("rfd", str(name)))


def ask(name: object, minor: int, who: str = "user:ada") -> RequestRefund:
    return RequestRefund(
        refund_id=refund(name),
        payment_id=PAYMENT,
        account_id=account_id("p1"),
        amount=Money.of(minor, "USD"),
        requested_by=who,
    )


def allocate(name: object, **fields: Any) -> AllocateCredit:
    return AllocateCredit(
        credit_allocation_id=ids.CreditAllocationId(ids.derive("crd", str(name))),
        account_id=account_id("p1"),
        **fields,
    )


def adjust(name: str, minor: int, reason: AdjustmentReason) -> ApplyAdjustment:
    return ApplyAdjustment(
        adjustment_id=ids.AdjustmentId(ids.derive("adj", name)),
        account_id=account_id("p1"),
        reason=reason,
        direction=Direction.CREDIT,
        amount=Money.of(minor, "USD"),
        invoice_id=invoice_id("1"),
    )


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


@pytest.fixture
async def processes(database: Database) -> AsyncIterator[list[Executor]]:
    """Two processes over the same books."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Executor(await database.pool("daybook_writer", 4)))
            for _ in range(2)
        ]


async def done(executor: Executor, *commands: Any) -> None:
    """Commands one after the other, each in a transaction of its own."""
    for command in commands:
        assert all_done([await executor.execute(envelope(command))])


async def race(processes: Sequence[Executor], commands: Sequence[Any]) -> list[Outcome]:
    """All commands at once, now here, now there."""
    calls = [
        processes[number % len(processes)].execute(envelope(command))
        for number, command in enumerate(commands)
    ]
    return await asyncio.gather(*calls)


async def balances(admin: asyncpg.Pool) -> list[tuple[int, int]]:
    """What each account owes, and its credit."""
    rows = await admin.fetch("SELECT receivable_minor, credit_minor FROM account_heads")
    return [(row[0], row[1]) for row in rows]


async def test_two_refunds_race_for_the_last_cent(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    await done(processes[0], open_account(), pay(minor=10_000), ask("before", 9_999))
    outcomes = await race(processes, [ask(number, 1) for number in range(8)])
    assert Counter(codes(outcomes)) == {"done": 1, "AMOUNT_EXCEEDS_REFUNDABLE": 7}
    await assert_books_straight(admin)


async def test_sixteen_callers_allocate_one_credit(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    await done(processes[0], open_account(), pay(minor=1_000), *OWED[1:])
    half = Money.of(500, "USD")
    outcomes = await race(processes, [allocate(number, amount=half) for number in range(16)])
    assert Counter(codes(outcomes)) == {"done": 2, "STATE_CONFLICT": 14}
    assert await admin.fetchval("SELECT credit_minor FROM account_heads") == 0
    await assert_books_straight(admin)


@pytest.mark.parametrize("first", ["void", "pay"])
async def test_a_payment_that_meets_a_void_is_credit_either_way(
    processes: list[Executor], admin: asyncpg.Pool, first: str
) -> None:
    await done(processes[0], *OWED)
    commands = [void(), *(pay(name=str(number), minor=5_000) for number in range(3))]
    outcomes = await race(processes, commands if first == "void" else commands[::-1])
    assert all_done(outcomes)
    assert await balances(admin) == [(0, 15_000)]
    assert await admin.fetchval("SELECT count(*) FROM open_items") == 0
    await assert_books_straight(admin)


async def test_a_card_payment_ends_once_however_often_it_is_told(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    begin = InitiateCardPayment(
        payment_id=PAYMENT, account_id=account_id("p1"), amount=Money.of(12_500, "USD")
    )
    await done(processes[0], *OWED, begin)
    complete = CompleteCardPayment(payment_id=PAYMENT, payment_ref="pi_1")
    fail = FailCardPayment(payment_id=PAYMENT, code="card_declined")
    outcomes = await race(processes, [complete, fail] * 4)
    assert Counter(codes(outcomes[::2])) == {"done": 4}
    assert set(codes(outcomes[1::2])) <= {"done", "STATE_CONFLICT"}
    state = await admin.fetchval("SELECT state FROM stream_heads WHERE stream_id = $1", PAYMENT)
    assert isinstance(decode_state(PAYMENT, state), Posted)
    await assert_books_straight(admin)


async def test_a_refund_and_a_void_in_one_batch_see_each_other(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    """Nothing of it was there before: each command finds what the ones before it made."""
    approve = ApproveRefund(refund_id=refund(), approved_by="user:bea")
    commands = [
        *OWED,
        pay(minor=12_500),
        ask(1, 2_500),
        approve,
        void(),
        PostRefund(refund_id=refund()),
        ask(2, 10_000),
        RejectRefund(refund_id=refund(2), rejected_by="user:bea", reason=REASON),
        ask(3, 10_000),
        FailRefund(refund_id=refund(), code="charge_disputed"),
        ask(4, 2_501),
        ask(5, 2_500),
    ]
    outcomes = await processes[0].execute_all([envelope(command) for command in commands])
    assert codes(outcomes) == ["done"] * 13 + ["AMOUNT_EXCEEDS_REFUNDABLE", "done"]
    assert await balances(admin) == [(0, 12_500)]
    await assert_books_straight(admin)


async def test_an_invoice_of_thousands_of_lines_is_voided_in_one_transaction(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    executor, count = processes[0], 4 * LINES_PER_EVENT_MAX + 1
    charges = [capture(name=number) for number in range(count)]
    assert all_done(await executor.execute_all([envelope(command) for command in OWED[:1]]))
    assert all_done(await executor.execute_all([envelope(charge) for charge in charges]))
    await done(executor, draft(), issue(), void())
    last = await admin.fetchval("SELECT event_ids FROM billing_outbox ORDER BY id DESC LIMIT 1")
    assert len(last) == 1 + count
    assert await admin.fetchval("SELECT receivable_minor FROM account_heads") == 0
    longest = await admin.fetchval("SELECT max(octet_length(body)) FROM events")
    assert longest < 512 * 1024
    await assert_books_straight(admin)


async def test_an_invoice_that_an_older_release_issued_is_voided(
    processes: list[Executor], admin: asyncpg.Pool
) -> None:
    """That release kept neither its lines nor what was adjusted on it: the events have both."""
    contractual, charity = AdjustmentReason.CONTRACTUAL, AdjustmentReason.CHARITY
    await done(
        processes[0],
        *OWED,
        adjust("1", 2_000, contractual),
        adjust("2", 500, contractual),
        adjust("3", 100, charity),
    )
    kept = await admin.fetch("SELECT item_id, outstanding_minor FROM open_items ORDER BY 1")
    await admin.execute("DELETE FROM open_items WHERE kind = 'adjustment'")
    state = await admin.fetchval(
        "SELECT state FROM stream_heads WHERE stream_id = $1", invoice_id("1")
    )
    older = {
        name: value for name, value in msgspec.json.decode(state).items() if name != "charge_ids"
    }
    await admin.execute(
        "UPDATE stream_heads SET state = $2 WHERE stream_id = $1",
        invoice_id("1"),
        msgspec.json.encode(older),
    )
    await admin.execute("DROP TABLE refund_thresholds")
    migrations = files("services.adapters.postgres") / "migrations"
    await admin.execute((migrations / "0022_corrections.sql").read_text())
    assert await admin.fetch("SELECT item_id, outstanding_minor FROM open_items ORDER BY 1") == kept
    await done(processes[0], void())
    assert await admin.fetchval("SELECT receivable_minor FROM account_heads") == 0
    assert await admin.fetchval("SELECT count(*) FROM open_items") == 0
    await assert_books_straight(admin)
