"""Poison: one command that cannot be executed takes none of those beside it along."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from contracts.event import BODY_BYTES_MAX
from contracts.ids import RejectionId, derive
from contracts.intake import IntakeRejected
from contracts.money import MINOR_MAX, Money
from domain.intake import RejectIntake
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Envelope, Refused, RejectedMessage
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    LONG,
    account_id,
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    issue,
    message,
    open_account,
    request,
)

Logs = list[MutableMapping[str, Any]]


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is in no table."""


def poison(**fields: Any) -> Envelope:
    return envelope(capture("p3", "poison", **fields), message("poison"))


POISONS = {
    "a NUL in a column": poison(facility="nor\0th"),
    "a NUL in the body alone": poison(code="99\x00213"),
    "a number that no column takes": poison(unit_price=Money.of(0, "USD"), quantity=2**63),
    "a lone surrogate in a column": poison(facility="nor\ud800th"),
    "a lone surrogate in the body": poison(reference="\ud800"),
    "more than a charge can be": poison(unit_price=Money.of(MINOR_MAX, "USD"), quantity=10**6),
    "a body over the limit": poison(reference="x" * BODY_BYTES_MAX),
    "an identity that no index takes": envelope(capture("p3", "poison"), message(LONG)),
    "an identity with a NUL": envelope(capture("p3", "poison"), message("\0")),
}
BUGS = {
    "a field of the wrong type": poison(service_on="today"),
    "an account that is no text": poison(account_id=7),
    "a stream of no known kind": poison(charge_id="what"),
    "a command of no known kind": envelope(Unknown()),
}


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6), lanes=1) as executor:
        opened = [envelope(open_account(f"p{n}")) for n in range(10)]
        assert all_done(await executor.execute_all(opened))
        yield executor


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


@pytest.mark.parametrize("name", [*POISONS, *BUGS])
async def test_of_500_commands_the_poisoned_one_alone_is_refused(
    executor: Executor, admin: asyncpg.Pool, name: str
) -> None:
    asked = [envelope(capture(f"p{n % 10}", n), message(str(n))) for n in range(499)]
    asked.insert(333, POISONS.get(name) or BUGS[name])
    outcomes = await executor.execute_all(asked)
    code = "VALIDATION_FAILED" if name in POISONS else "INTERNAL"
    assert codes(outcomes) == ["done"] * 333 + [code] + ["done"] * 166
    refused = outcomes[333]
    assert isinstance(refused, Refused)
    assert not refused.transient
    assert await admin.fetchval("SELECT count(*) FROM events") == 10 + 499
    assert await admin.fetchval("SELECT count(*) FROM billing_inbox") == 499
    await assert_books_straight(admin)


async def test_what_failed_is_logged_with_its_cause_and_told_to_nobody_else(
    executor: Executor, logs: Logs
) -> None:
    outcomes = await executor.execute_all([envelope(capture()), BUGS["a field of the wrong type"]])
    refused = outcomes[1]
    assert isinstance(refused, Refused)
    assert refused.detail == "the command could not be executed: TypeError"
    failed = [log for log in logs if log["event"] == "command failed"]
    assert [(log["tenant"], log["command"]) for log in failed] == [("demo", "CaptureCharge")]
    assert isinstance(failed[0]["exc_info"], TypeError)


async def test_poison_between_commands_of_one_account_leaves_their_order(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    poisoned = envelope(capture("p1", 2), message(LONG))
    asked = [envelope(command) for command in (capture("p1"), draft("p1"), issue("p1"))]
    outcomes = await executor.execute_all([*asked[:2], poisoned, asked[2]])
    assert codes(outcomes) == ["done", "done", "VALIDATION_FAILED", "done"]
    await assert_books_straight(admin)


async def test_poison_draws_no_number(executor: Executor, admin: asyncpg.Pool) -> None:
    outcomes = await executor.execute_all(
        [
            envelope(capture("p1")),
            envelope(draft("p1", "1", facility="south")),
            envelope(issue("p1", "1", due_days=10**9), message("m-1")),
            envelope(capture("p2")),
            envelope(draft("p2", "2", facility="south")),
            envelope(issue("p2", "2"), message("m-2")),
        ]
    )
    assert codes(outcomes)[2] in ("INTERNAL", "VALIDATION_FAILED")
    assert codes(outcomes)[5] == "done"
    number = await admin.fetchval("SELECT key FROM claims WHERE kind = 'invoice_number'")
    assert number.startswith("south-")
    assert number.endswith("-000001")
    await assert_books_straight(admin)


async def test_a_batch_of_nothing_but_poison_is_refused_whole(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = [envelope(capture("p1", n), message(f"{LONG}{n}")) for n in range(40)]
    outcomes = await executor.execute_all(asked)
    assert codes(outcomes) == ["VALIDATION_FAILED"] * 40
    assert await admin.fetchval("SELECT count(*) FROM billing_inbox") == 0


async def test_poison_holds_no_key(executor: Executor) -> None:
    bad = envelope(capture("p1", facility="\0"), request("k-1"))
    assert codes([await executor.execute(bad)]) == ["VALIDATION_FAILED"]
    good = envelope(capture("p1"), request("k-1"), payload=b"mended")
    assert codes([await executor.execute(good)]) == ["done"]


async def test_two_accounts_of_one_patient_in_one_batch_are_one_account(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    namesakes = [open_account("new", account_id=account_id(f"new-{n}")) for n in range(3)]
    outcomes = await executor.execute_all([envelope(command) for command in namesakes])
    assert codes(outcomes) == ["done", "ALREADY_EXISTS", "ALREADY_EXISTS"]
    await assert_books_straight(admin)


async def test_a_rejected_message_that_cannot_be_kept_leaves_the_others(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    def rejected(sequence: int, detail: str) -> Envelope:
        rejection = IntakeRejected(
            rejection_id=RejectionId(derive("rej", str(sequence))),
            subject="intake.demo",
            code="VALIDATION_FAILED",
            detail=detail,
            received_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        kept = RejectedMessage(subject_id="p1", content="sealed")
        return envelope(RejectIntake(rejection=rejection), message(str(sequence)), rejected=kept)

    outcomes = await executor.execute_all([rejected(1, "a"), rejected(2, "\0"), rejected(3, "c")])
    assert codes(outcomes) == ["done", "VALIDATION_FAILED", "done"]
    kept = await admin.fetch("SELECT detail, status FROM billing_intake_rejected ORDER BY detail")
    assert [tuple(row) for row in kept] == [("a", "open"), ("c", "open")]


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (
            "REVOKE INSERT ON events FROM daybook_writer",
            "GRANT INSERT ON events TO daybook_writer",
        ),
        ("ALTER TABLE claims RENAME TO gone", "ALTER TABLE gone RENAME TO claims"),
        ("ALTER TABLE events RENAME body TO was", "ALTER TABLE events RENAME was TO body"),
    ],
)
async def test_a_broken_database_is_nobodys_poison(
    executor: Executor, admin: asyncpg.Pool, break_it: str, mend_it: str
) -> None:
    asked = [envelope(open_account(f"q{n}"), message(str(n))) for n in range(20)]
    await admin.execute(break_it)
    with pytest.raises(LedgerUnavailable):
        await executor.execute_all(asked)
    await admin.execute(mend_it)
    assert all_done(await executor.execute_all(asked))
    await assert_books_straight(admin)


async def test_a_read_only_server_is_nobodys_poison(
    database: Database, admin: asyncpg.Pool
) -> None:
    await admin.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',"
        " current_database()); END $$"
    )
    async with Executor(await database.pool("daybook_writer")) as executor:
        with pytest.raises(LedgerUnavailable, match="ReadOnly"):
            await executor.execute(envelope(open_account()))


async def test_a_migration_under_a_running_executor_goes_unnoticed(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    for number, change in enumerate(
        (
            "ALTER TABLE stream_heads ADD COLUMN added int",
            "ALTER TABLE account_heads ALTER facility TYPE varchar",
            "ALTER TABLE account_heads ALTER facility TYPE text",
        )
    ):
        await admin.execute(change)
        asked = [envelope(capture(f"p{n % 10}", f"{number}-{n}")) for n in range(30)]
        assert all_done(await executor.execute_all(asked))
    await assert_books_straight(admin)
