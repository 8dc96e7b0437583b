"""Identities: whatever is sent twice is done once, and answered alike."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.execute.envelope import Done, Envelope, HttpIdentity, Refused, claim_key
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    issue,
    message,
    open_account,
    pay,
    request,
)


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6)) as executor:
        await executor.execute(envelope(open_account()))
        yield executor


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


async def test_the_same_message_is_taken_once(executor: Executor, admin: asyncpg.Pool) -> None:
    charge = envelope(capture(), message("m-1"))
    outcomes = [*await executor.execute_all([charge, charge]), await executor.execute(charge)]
    assert codes(outcomes) == ["done", "again", "again"]
    assert len({outcome.token for outcome in outcomes if isinstance(outcome, Done)}) == 1
    await assert_books_straight(admin)


async def test_a_repeat_is_answered_with_the_token_of_another_stream(executor: Executor) -> None:
    await executor.execute_all([envelope(capture()), envelope(draft()), envelope(issue())])
    payment = envelope(pay(minor=12_500), message("m-1"))
    first, again = await executor.execute(payment), await executor.execute(payment)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (again.token, again.version) == (first.token, first.version)
    assert again.token.startswith("inv_")


async def test_the_same_key_from_16_callers_at_once_is_one_charge(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = envelope(capture(), request("k-1"))
    outcomes = await asyncio.gather(*(executor.execute(asked) for _ in range(16)))
    assert sorted(codes(list(outcomes))) == ["again"] * 15 + ["done"]
    assert await admin.fetchval("SELECT count(*) FROM events") == 2
    await assert_books_straight(admin)


async def test_the_same_key_from_16_callers_at_two_processes_is_one_charge(
    database: Database, admin: asyncpg.Pool
) -> None:
    pool = await database.pool("daybook_writer", 12)
    async with Executor(pool) as here, Executor(pool) as there:
        await here.execute(envelope(open_account()))
        asked = envelope(capture(), request("k-1"))

        async def call(executor: Executor) -> list[str]:
            """As a client does that is told to come again."""
            seen: list[str] = []
            while not seen or seen[-1] == "IDEMPOTENCY_IN_FLIGHT":
                seen += codes([await executor.execute(asked)])
            return seen

        seen = await asyncio.gather(*(call((here, there)[n % 2]) for n in range(16)))
    assert sorted(answers[-1] for answers in seen) == ["again"] * 15 + ["done"]
    assert await admin.fetchval("SELECT count(*) FROM events") == 2


@pytest.mark.parametrize("identity", [message("m-1"), request("m-1")])
async def test_an_identity_with_another_content_is_refused(
    executor: Executor, identity: HttpIdentity
) -> None:
    first = envelope(capture(name=1), identity)
    other = envelope(capture(name=2), identity, payload=b"other")
    assert codes(await executor.execute_all([first, other])) == ["done", "IDEMPOTENCY_KEY_REUSED"]
    assert codes([await executor.execute(other)]) == ["IDEMPOTENCY_KEY_REUSED"]


async def test_an_identity_counts_per_tenant_path_and_method(executor: Executor) -> None:
    await executor.execute(envelope(open_account(), tenant="other"))
    outcomes = await executor.execute_all(
        [
            envelope(capture(name=1), request("k-1", "/v1/a")),
            envelope(capture(name=2), request("k-1", "/v1/b"), payload=b"2"),
            envelope(capture(name=3), HttpIdentity("PUT", "/v1/a", "k-1"), payload=b"3"),
            envelope(capture(name=1), request("k-1", "/v1/a"), tenant="other", payload=b"4"),
            envelope(capture(name=4), message("k-1"), payload=b"5"),
        ]
    )
    assert all_done(outcomes)


def test_an_identity_cannot_be_spelled_as_another() -> None:
    keys = {
        claim_key("demo", request("k", "/v1/a")),
        claim_key("demo", HttpIdentity("POST", "/v1/a\0k", "")),
        claim_key("demo", request("a\0k", "/v1/")),
        claim_key("other", request("k", "/v1/a")),
    }
    assert len(keys) == 4


async def test_a_refusal_is_the_answer_to_its_key_from_then_on(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = envelope(issue(), request("k-1"))
    first = await executor.execute(asked)
    await executor.execute_all([envelope(capture()), envelope(draft())])
    again = await executor.execute(asked)
    assert isinstance(first, Refused)
    assert isinstance(again, Refused)
    assert (again.code, again.detail, again.replayed) == ("NOT_FOUND", first.detail, True)
    assert await admin.fetchval("SELECT count(*) FROM billing_idempotency") == 1


async def test_a_refused_key_is_answered_alike_within_one_batch(executor: Executor) -> None:
    asked = envelope(issue(), request("k-1"))
    outcomes = await executor.execute_all([asked, envelope(capture()), envelope(draft()), asked])
    assert codes(outcomes) == ["NOT_FOUND", "done", "done", "NOT_FOUND"]
    assert outcomes[3].replayed


async def test_a_refused_key_with_another_content_is_told_so(executor: Executor) -> None:
    asked = envelope(issue(), request("k-1"))
    other = envelope(issue(due_days=3), request("k-1"), payload=b"other")
    assert codes(await executor.execute_all([asked, other])) == [
        "NOT_FOUND",
        "IDEMPOTENCY_KEY_REUSED",
    ]


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        (capture(quantity=0), capture()),
        (capture(unit_price=None), capture()),
        (capture(currency="EUR"), capture()),
    ],
)
async def test_what_is_refused_as_invalid_holds_no_key(
    executor: Executor, bad: object, good: object
) -> None:
    first = await executor.execute(envelope(bad, request("k-1")))
    assert isinstance(first, Refused)
    again = await executor.execute(envelope(good, request("k-1"), payload=b"mended"))
    assert codes([again]) == ["done"]


async def test_a_version_conflict_holds_no_key(executor: Executor) -> None:
    def asked(version: int) -> Envelope:
        return envelope(capture(), request("k-1"), expected_version=version)

    outcomes = [await executor.execute(asked(version)) for version in (7, 1, 7)]
    assert codes(outcomes) == ["ACCOUNT_VERSION_CONFLICT", "done", "again"]


async def test_a_refused_message_holds_no_claim_on_its_identity(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = envelope(issue(), message("m-1"))
    assert codes(await executor.execute_all([asked, asked])) == ["NOT_FOUND", "NOT_FOUND"]
    await executor.execute_all([envelope(capture()), envelope(draft())])
    assert codes(await executor.execute_all([asked, asked])) == ["done", "again"]
    assert await admin.fetchval("SELECT count(*) FROM billing_inbox") == 1


async def test_an_identity_in_flight_elsewhere_is_not_waited_for(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    asked = envelope(capture(name=1), message("m-1"))
    async with admin.acquire() as elsewhere, elsewhere.transaction():
        await elsewhere.execute(
            "SELECT pg_advisory_xact_lock($1)", claim_key("demo", message("m-1"))
        )
        outcomes = await executor.execute_all([asked, envelope(capture(name=2), message("m-2"))])
    assert codes(outcomes) == ["IDEMPOTENCY_IN_FLIGHT", "done"]
    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].transient
    assert codes([await executor.execute(asked)]) == ["done"]


async def test_commands_without_an_identity_are_told_apart_by_their_streams(
    executor: Executor, admin: asyncpg.Pool
) -> None:
    assert codes(await executor.execute_all([envelope(capture()), envelope(capture())])) == [
        "done",
        "done",
    ]
    assert await admin.fetchval("SELECT count(*) FROM events") == 2
