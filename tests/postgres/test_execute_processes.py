"""Several processes on one ledger: no gap, no double, no deadlock, nothing refused by chance."""

import asyncio
import random
from datetime import UTC, date, datetime

import asyncpg
import pytest
from structlog.testing import capture_logs

from contracts.ids import PriceListId, RejectionId, derive
from contracts.intake import IntakeRejected
from contracts.money import Money
from contracts.price_list import Price
from domain.intake import DiscardIntake, RejectIntake
from domain.price_list import PublishPriceList
from services.execute.envelope import Envelope, Outcome, Refused
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    LONG,
    PATIENTS,
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    issue,
    message,
    open_account,
    open_accounts,
    waiting_sessions,
)


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await open_accounts(database)


async def _until_settled(executor: Executor, asked: list[Envelope]) -> list[Outcome]:
    """As intake and clients do: what is refused for the moment only comes again."""
    outcomes: list[Outcome | None] = [None] * len(asked)
    while True:
        left = [
            index
            for index, outcome in enumerate(outcomes)
            if outcome is None or (isinstance(outcome, Refused) and outcome.transient)
        ]
        if not left:
            return [outcome for outcome in outcomes if outcome is not None]
        found = await executor.execute_all([asked[index] for index in left])
        for index, outcome in zip(left, found, strict=True):
            outcomes[index] = outcome


def _invoicing(worker: int, random_: random.Random) -> list[Envelope]:
    """Charges, drafts and issues of all accounts, mixed with what fails its transaction."""
    asked: list[Envelope] = []
    for n in range(12):
        patient = random_.choice(PATIENTS)
        name = f"{worker}-{n}"
        charge = capture(patient, name)
        asked += [
            envelope(charge),
            envelope(draft(patient, name, charge_ids=(charge.charge_id,))),
            envelope(capture(patient, f"poison-{name}"), message(LONG + name)),
            envelope(issue(patient, name)),
        ]
    return asked


async def test_processes_that_hammer_the_same_accounts_leave_no_gap_and_no_double(
    database: Database, admin: asyncpg.Pool
) -> None:
    pool = await database.pool("daybook_writer", 16)

    async def work(worker: int) -> list[Outcome]:
        asked = _invoicing(worker, random.Random(worker))
        return await _until_settled((here, there)[worker % 2], asked)

    async with Executor(pool) as here, Executor(pool) as there:
        with capture_logs() as logs:
            outcomes = await asyncio.gather(*(work(worker) for worker in range(6)))
    told = [code for found in outcomes for code in codes(found)]
    assert told.count("done") == 6 * 12 * 3
    assert told.count("VALIDATION_FAILED") == 6 * 12
    assert len([log for log in logs if log["event"] == "command failed"]) == 6 * 12
    numbers = await admin.fetch("SELECT key FROM claims WHERE kind = 'invoice_number'")
    drawn = sorted(int(row["key"].rpartition("-")[2]) for row in numbers)
    assert drawn == list(range(1, 6 * 12 + 1))
    await assert_books_straight(admin)


async def test_a_new_patient_of_two_processes_gets_one_account_and_all_charges(
    database: Database, admin: asyncpg.Pool
) -> None:
    pool = await database.pool("daybook_writer", 16)
    async with Executor(pool) as here, Executor(pool) as there:
        for round_ in range(10):
            patient = f"new-{round_}"
            opened = open_account(patient, unless_open=True)
            outcomes = await asyncio.gather(
                *(
                    executor.execute_all([envelope(opened), envelope(capture(patient, n))])
                    for n, executor in enumerate((here, there))
                )
            )
            assert all_done([outcome for found in outcomes for outcome in found])
    await assert_books_straight(admin)


async def _are_waiting(admin: asyncpg.Pool, count: int) -> bool:
    return await waiting_sessions(admin) >= count


async def test_an_account_opened_between_lock_and_load_is_found_out(
    database: Database, admin: asyncpg.Pool
) -> None:
    pool = await database.pool("daybook_writer", 8)
    async with Executor(pool) as here, Executor(pool) as there, admin.acquire() as other:
        # Whoever loads settings waits for this lock: that is after the accounts were locked.
        transaction = other.transaction()
        await transaction.start()
        await other.execute("LOCK TABLE tax_rules IN ACCESS EXCLUSIVE MODE")
        opened = open_account("new", unless_open=True)
        late = asyncio.ensure_future(
            here.execute_all([envelope(opened), envelope(capture("new", 1))])
        )
        await until(lambda: _are_waiting(admin, 1))
        early = asyncio.ensure_future(there.execute(envelope(opened)))
        await until(lambda: _are_waiting(admin, 2))
        await transaction.rollback()
        assert all_done([*await late, await early])
    await assert_books_straight(admin)


async def test_processes_that_record_the_same_in_opposite_orders_do_not_deadlock(
    database: Database, admin: asyncpg.Pool
) -> None:
    def recorded(number: int) -> Envelope:
        return envelope(
            RejectIntake(
                rejection=IntakeRejected(
                    rejection_id=RejectionId(derive("rej", str(number))),
                    subject="intake.demo",
                    code="VALIDATION_FAILED",
                    detail="no JSON",
                    received_at=datetime(2026, 1, 2, tzinfo=UTC),
                )
            )
        )

    def settled(number: int) -> Envelope:
        rejection_id = RejectionId(derive("rej", str(number)))
        return envelope(DiscardIntake(rejection_id=rejection_id, reason="a test"))

    pool = await database.pool("daybook_writer", 16)
    async with Executor(pool) as here, Executor(pool) as there:
        for start in range(0, 1_000, 100):
            numbers = range(start, start + 100)
            for asked in (recorded, settled):
                orders = [asked(n) for n in numbers], [asked(n) for n in reversed(numbers)]
                await asyncio.gather(here.execute_all(orders[0]), there.execute_all(orders[1]))
    await pool.close()  # sessions tell what they counted when they end
    deadlocks = await admin.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks == 0
    assert await admin.fetchval("SELECT count(*) FROM events WHERE type LIKE '%intake%'") == 2_000
    await assert_books_straight(admin)


async def test_price_lists_of_two_processes_never_overlap(
    database: Database, admin: asyncpg.Pool
) -> None:
    def published(name: str) -> PublishPriceList:
        price = Price(
            facility="*",
            code="99213",
            unit_price=Money.of(100, "USD"),
            valid_from=date(2026, 1, 1),
        )
        return PublishPriceList(
            price_list_id=PriceListId(derive("prl", name)), name=name, prices=(price,)
        )

    pool = await database.pool("daybook_writer", 16)
    async with Executor(pool) as here, Executor(pool) as there:
        outcomes = await asyncio.gather(
            *((here, there)[n % 2].execute(envelope(published(str(n)))) for n in range(8))
        )
    assert sorted(codes(list(outcomes))) == ["STATE_CONFLICT"] * 7 + ["done"]
    await assert_books_straight(admin)
