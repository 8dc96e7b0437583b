"""Everything at once: groups, singles, voids, issues and refunds over several lanes of two
processes whose sessions are ended at any moment."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg
import pytest

from contracts.adjustment import AdjustmentReason, Direction
from contracts.ids import AdjustmentId, CreditAllocationId, PaymentId, RefundId, derive
from contracts.money import Money
from contracts.private import Private
from domain.adjustment import ApplyAdjustment
from domain.credit import AllocateCredit
from domain.invoice import VoidInvoice
from domain.refund import ApproveRefund, PostRefund, RequestRefund
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Done, Envelope, Outcome, Refused
from services.execute.executor import Executor
from services.execute.group import Group
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    PATIENTS,
    account_id,
    assert_books_straight,
    capture,
    draft,
    envelope,
    invoice_id,
    issue,
    open_accounts,
    pay,
    request,
)

WORKERS: Final = 4
VISITS: Final = 4
WHY: Final = Private(subject="p", sealed="AAEC")


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await open_accounts(database)


def keyed(command: Any, key: str) -> Envelope:
    return envelope(command, request(key))


def visit(name: str, patient: str, other: str, random_: random.Random) -> list[Envelope]:
    """Charges of two patients in a group, an invoice of both, one of them paid and given back."""
    group = Group(
        commands=tuple(
            capture(who, f"{name}-{n}") for n, who in enumerate((patient, other, patient))
        ),
        atomic=random_.random() < 0.5,
    )
    # One of its charges is refused: an account that nobody has.
    broken = Group(
        commands=(capture(patient, f"{name}-x"), capture("nobody", name)),
        atomic=random_.random() < 0.5,
    )
    refund_id, paid = RefundId(derive("rfd", name)), PaymentId(derive("pay", name))
    asked = RequestRefund(
        refund_id=refund_id,
        payment_id=paid,
        account_id=account_id(patient),
        amount=Money.of(70, "USD"),
        requested_by="user:ada",
    )
    adjusted = ApplyAdjustment(
        adjustment_id=AdjustmentId(derive("adj", name)),
        account_id=account_id(patient),
        reason=AdjustmentReason.COURTESY,
        direction=Direction.CREDIT,
        amount=Money.of(11, "USD"),
        invoice_id=invoice_id(name),
    )
    used = AllocateCredit(
        credit_allocation_id=CreditAllocationId(derive("crd", name)),
        account_id=account_id(patient),
    )
    lines = tuple(capture(patient, f"{name}-{n}").charge_id for n in (0, 2))
    commands: Sequence[Any] = (
        group,
        broken,
        draft(patient, name, charge_ids=lines),
        issue(None if random_.random() < 0.3 else patient, name),
        adjusted,
        pay(patient, name, 25_000),
        VoidInvoice(invoice_id=invoice_id(name), reason=WHY),
        asked,
        ApproveRefund(refund_id=refund_id, approved_by="user:bea"),
        PostRefund(refund_id=refund_id),
        draft(other, f"{name}-o", charge_ids=(capture(other, f"{name}-1").charge_id,)),
        issue(other, f"{name}-o"),
        used,
    )
    return [keyed(command, f"{name}/{n}") for n, command in enumerate(commands)]


async def settled(executors: Sequence[Executor], asked: Envelope) -> Outcome:
    """As clients do: the same again, at either process, until there is an answer."""
    async with asyncio.timeout(90):
        while True:
            try:
                outcome = await random.choice(executors).execute(asked)
            except LedgerUnavailable:
                await asyncio.sleep(random.uniform(0.01, 0.05))
                continue
            if not isinstance(outcome, Refused) or not outcome.transient:
                return outcome


async def end_sessions(admin: asyncpg.Pool, answered: list[Outcome], until_count: int) -> int:
    """End a session in the middle of a transaction, again and again, but let some pass."""
    ended = 0
    while len(answered) < until_count:
        known = len(answered)
        killed = await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'daybook_writer'"
            "   AND xact_start IS NOT NULL LIMIT 1"
        )
        if killed:
            ended += 1

        async def more(known: int = known) -> bool:
            return len(answered) > known + 3 or len(answered) >= until_count

        await until(more)
    return ended


async def test_whatever_is_mixed_and_cut_off_is_done_once_and_numbered_without_a_gap(
    database: Database, admin: asyncpg.Pool
) -> None:
    answered: list[Outcome] = []
    told: dict[str, Outcome] = {}
    asked: list[Envelope] = []

    async def work(worker: int, executors: Sequence[Executor]) -> None:
        random_ = random.Random(worker)
        for n in range(VISITS):
            patient, other = random_.sample(PATIENTS, 2)
            for one in visit(f"{worker}-{n}", patient, other, random_):
                outcome = await settled(executors, one)
                assert one.identity is not None
                told[one.identity[-1]] = outcome
                asked.append(one)
                answered.append(outcome)

    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                Executor(await database.pool("daybook_writer", 6), lanes=3)
            )
            for _ in range(2)
        ]
        count = WORKERS * VISITS * 13
        disturbing = asyncio.ensure_future(end_sessions(admin, answered, count))
        await asyncio.gather(*(work(worker, processes) for worker in range(WORKERS)))
        assert await disturbing > 0
        again = await processes[0].execute_all(asked)
    await assert_books_straight(admin)
    await assert_gapless(admin)
    assert_same(asked, again, told)
    assert_nothing_lost(told)


async def assert_gapless(admin: asyncpg.Pool) -> None:
    """Numbers of invoices that are void by now were drawn as well."""
    drawn: defaultdict[str, list[int]] = defaultdict(list)
    for row in await admin.fetch("SELECT key FROM claims WHERE kind = 'invoice_number'"):
        series, _, number = row["key"].rpartition("-")
        drawn[series].append(int(number))
    assert sum(map(len, drawn.values())) == WORKERS * VISITS * 2
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in drawn.values())


def assert_same(
    asked: Sequence[Envelope], again: Sequence[Outcome], told: dict[str, Outcome]
) -> None:
    """Every key is answered as it was, item by item; what is not kept is refused alike."""
    for one, outcome in zip(asked, again, strict=True):
        assert one.identity is not None
        assert answer(outcome) == answer(told[one.identity[-1]]), one.command


def answer(outcome: Outcome) -> Any:
    if isinstance(outcome, Refused):
        return outcome.code, outcome.detail, outcome.item
    items = tuple(map(answer, outcome.items))
    return outcome.stream_id, outcome.version, outcome.token, items


def assert_nothing_lost(told: dict[str, Outcome]) -> None:
    """All is done but the charge of nobody, and credit that another visit used up."""
    for key, outcome in told.items():
        place = int(key.rpartition("/")[2])
        if place == 1:
            found = outcome.items[1] if isinstance(outcome, Done) else outcome
            assert isinstance(found, Refused), key
            assert found.code == "NOT_FOUND", key
        elif isinstance(outcome, Refused):
            assert place in (4, 12), (key, outcome)
