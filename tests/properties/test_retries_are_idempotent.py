"""A command that is repeated, anywhere and any number of times, is executed once."""

import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.decider import Rejected
from services.execute.envelope import BusIdentity, Done, HttpIdentity, Outcome, Refused
from services.execute.executor import Executor
from tests.fixtures.commands import histories
from tests.fixtures.databases import Database
from tests.fixtures.tenants import (
    Clock,
    envelope,
    ledger_of,
    settle_tenant,
    write_side_in_postgres,
)
from tests.fixtures.world import World

many = settings(max_examples=60, deadline=None)
# A real database for each example is dear, so an example is a tenant.
few = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
tenants = (f"tenant{number}" for number in itertools.count())
batches = st.lists(st.sampled_from((1, 1, 2, 5, 40)), min_size=1, max_size=6)


@st.composite
def repetitions(draw: Any) -> tuple[list[Any], list[int]]:
    """Commands, and an order to send them in: each for the first time in its turn, then again."""
    commands = [command for command, _ in draw(histories(size_max=16))]
    sent = []
    for index in range(len(commands)):
        sent.append(index)
        sent += [draw(st.integers(0, index)) for _ in range(draw(st.sampled_from((0, 0, 1, 2))))]
    return commands, sent


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    # One lane, so that a batch is decided in the order in which it was sent.
    pool = await database.pool("daybook_writer", 6)
    async with Executor(pool, lanes=1, now=Clock().now) as executor:
        yield executor


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


async def send(
    executor: Executor, tenant: str, commands: list[Any], sent: Sequence[int], sizes: Sequence[int]
) -> list[Outcome]:
    """Send commands with their Idempotency-Keys in batches of these sizes, over and over."""
    outcomes: list[Outcome] = []
    size = itertools.cycle(sizes)
    while len(outcomes) < len(sent):
        batch = sent[len(outcomes) : len(outcomes) + next(size)]
        outcomes += await executor.execute_all(
            [
                envelope(tenant, commands[index], HttpIdentity("POST", "/v1", f"k{index}"))
                for index in batch
            ]
        )
    return outcomes


def answer(outcome: Outcome) -> tuple[str, ...]:
    """What a caller is told, the first time and again."""
    match outcome:
        case Done(stream_id=stream_id, version=version, token=token):
            return "done", stream_id, str(version), token
        case Refused(code=code, detail=detail):
            return "refused", code, detail


@many
@given(histories())
def test_a_command_that_was_just_executed_decides_nothing_new(history: Any) -> None:
    world = World()
    for command, hours in history:
        world.commit(hours)
        world.execute(command)
        try:
            again = world.decide(command)
        except Rejected:
            again = []
        assert list(again) == []


@few
@given(repetitions(), batches)
async def test_the_same_key_again_changes_nothing_and_is_answered_the_same(
    executor: Executor, admin: asyncpg.Pool, repeated: Any, sizes: list[int]
) -> None:
    commands, sent = repeated
    once, often = next(tenants), next(tenants)
    await settle_tenant(admin, once)
    await settle_tenant(admin, often)
    answers = await send(executor, once, commands, range(len(commands)), [1])
    again = await send(executor, often, commands, sent, sizes)
    assert await ledger_of(admin, often) == await ledger_of(admin, once)
    assert [answer(outcome) for outcome in again] == [answer(answers[index]) for index in sent]


@few
@given(repetitions(), batches)
async def test_a_message_that_was_taken_is_not_taken_again(
    executor: Executor, admin: asyncpg.Pool, repeated: Any, sizes: list[int]
) -> None:
    """A refused message holds no claim, so its repeat is decided again, as the world shows."""
    commands, sent = repeated
    tenant, world = next(tenants), World()
    await settle_tenant(admin, tenant)
    taken: set[int] = set()
    for index in sent:
        if index not in taken:
            refused = len(world.refused)
            world.execute(commands[index])
            if len(world.refused) == refused:
                taken.add(index)
    assume(taken)
    size, start = itertools.cycle(sizes), 0
    while start < len(sent):
        batch = sent[start : start + next(size)]
        await executor.execute_all(
            [
                envelope(tenant, commands[index], BusIdentity("intake", "/meter", f"m{index}"))
                for index in batch
            ]
        )
        start += len(batch)
    assert await write_side_in_postgres(admin, tenant) == world.write_side()
    entries = await admin.fetchval("SELECT count(*) FROM ledger_entries WHERE tenant = $1", tenant)
    assert entries == sum(len(getattr(recorded.event, "postings", ())) for recorded in world.events)
