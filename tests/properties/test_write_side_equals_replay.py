"""The state that decisions are made on follows from the events, in memory and in Postgres."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from contracts.catalogue import decode, encode, wire_type
from services.execute.executor import Executor
from tests.fixtures.audited import AuditedLedger
from tests.fixtures.commands import taxed_histories
from tests.fixtures.databases import Database
from tests.fixtures.tenants import (
    Clock,
    envelope,
    run_in_postgres,
    tax_tenant,
    write_side_in_postgres,
)
from tests.fixtures.world import NewTaxes, Recorded, World, replayed

many = settings(max_examples=60, deadline=None)
# A real database for each example is dear, so an example is a tenant.
few = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
tenants = (f"tenant{number}" for number in itertools.count())


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def executor(database: Database, clock: Clock) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6), now=clock.now) as executor:
        yield executor


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


def test_a_new_history_has_no_state() -> None:
    assert not any(World().write_side().values())


@many
@given(taxed_histories())
def test_the_write_side_in_memory_is_what_the_events_give(history: Any) -> None:
    world = World()
    world.run(history)
    assert replayed(world.events).write_side() == world.write_side()


@many
@given(taxed_histories())
def test_events_that_were_stored_give_the_same_write_side(history: Any) -> None:
    world = World()
    world.run(history)
    stored = [
        Recorded(
            recorded.stream_id,
            recorded.version,
            decode(wire_type(type(recorded.event)), encode(recorded.event)),
            recorded.command,
        )
        for recorded in world.events
    ]
    assert replayed(stored).write_side() == world.write_side()


@many
@given(taxed_histories())
def test_a_state_is_the_same_after_it_was_stored(history: Any) -> None:
    world = World()
    world.run(history)
    before = dict(world.book.states)
    world.commit(0)
    for stream_id, state in before.items():
        assert world.book.states[stream_id] == state
        assert msgspec.json.encode(world.book.states[stream_id]) == msgspec.json.encode(state)


@few
@given(history=taxed_histories(size_max=20))
async def test_the_write_side_in_postgres_is_what_its_events_give(
    executor: Executor, admin: asyncpg.Pool, clock: Clock, history: Any
) -> None:
    tenant, world = next(tenants), World()
    await run_in_postgres(executor, clock, admin, tenant, history)
    rows = await admin.fetch(
        "SELECT e.stream_id, e.version, e.type, e.body FROM billing_outbox o"
        " CROSS JOIN unnest(o.event_ids) WITH ORDINALITY AS named (id, ordinal)"
        " JOIN events e ON e.tenant = o.tenant AND e.stream_id || '-' || e.version = named.id"
        " WHERE o.tenant = $1 ORDER BY o.id, named.ordinal",
        tenant,
    )
    events = [
        Recorded(row["stream_id"], row["version"], decode(row["type"], row["body"]), 0)
        for row in rows
    ]
    world.run(history)
    assert [(event.stream_id, event.event) for event in events] == [
        (event.stream_id, event.event) for event in world.events
    ]
    assert await write_side_in_postgres(admin, tenant) == replayed(events).write_side()


@few
@given(history=taxed_histories(size_max=20))
async def test_any_history_passes_the_audit(
    empty_ledger: AuditedLedger, clock: Clock, history: Any
) -> None:
    """Half of it waits in the outbox when it is audited; every example is one more tenant."""
    pool = await empty_ledger.database.pool("daybook_writer", 2)
    tenant, middle = next(tenants), len(history) // 2
    async with Executor(pool, lanes=1, now=clock.now) as executor:
        await run_in_postgres(executor, clock, empty_ledger.admin, tenant, history[:middle])
        await empty_ledger.sequence()
        await empty_ledger.project()
        for command, hours in history[middle:]:
            clock.pass_by(hours)
            if isinstance(command, NewTaxes):
                await tax_tenant(empty_ledger.admin, tenant, command)
            else:
                await executor.execute(envelope(tenant, command))
    assert list(map(str, await empty_ledger.findings())) == []
