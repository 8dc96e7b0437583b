"""A group does what its commands do one after the other, or nothing at all."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.account import OpenAccount
from services.execute.envelope import Done, HttpIdentity, Outcome, Refused
from services.execute.executor import Executor
from services.execute.group import Group
from tests.fixtures.commands import captures, suspensions
from tests.fixtures.databases import Database
from tests.fixtures.named_things import ACCOUNTS, FACILITIES, account_id
from tests.fixtures.tenants import Clock, envelope, settle_tenant, write_side_in_postgres
from tests.fixtures.world import World

few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
tenants = (f"tenant{number}" for number in itertools.count())
charges = st.lists(captures(), min_size=1, max_size=12)


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6), now=Clock().now) as executor:
        yield executor


def opened() -> list[Any]:
    return [
        OpenAccount(
            account_id=account_id(account),
            patient_id=account[0],
            name=None,
            facility=FACILITIES[0],
            currency=account[1],
        )
        for account in ACCOUNTS
    ]


def told(outcome: Outcome) -> tuple[str, str]:
    if isinstance(outcome, Refused):
        return outcome.code, outcome.detail
    return "done", outcome.token


@few
@given(suspended=st.lists(suspensions(), max_size=1), commands=charges, atomic=st.booleans())
async def test_a_group_is_its_commands_or_nothing(
    executor: Executor,
    database: Database,
    suspended: list[Any],
    commands: list[Any],
    atomic: bool,
) -> None:
    admin: asyncpg.Pool = await database.admin()
    tenant, world, refused = next(tenants), World(), []
    await settle_tenant(admin, tenant)
    for command in (*opened(), *suspended):
        world.execute(command)
        await executor.execute(envelope(tenant, command))
    untouched = await write_side_in_postgres(admin, tenant)
    for index, command in enumerate(commands):
        known = len(world.refused)
        world.execute(command)
        if len(world.refused) > known:
            refused.append((index, world.refused[-1]))
    group = envelope(
        tenant,
        Group(commands=tuple(commands), atomic=atomic),
        HttpIdentity("POST", "/v1/charges:batch", "k"),
    )
    outcome = await executor.execute(group)
    again = await executor.execute(group)
    found = await write_side_in_postgres(admin, tenant)
    if atomic and refused:
        index, first = refused[0]
        assert isinstance(outcome, Refused)
        assert (outcome.item, outcome.code, outcome.detail) == (index, first.code, first.detail)
        assert found == untouched
        return
    assert isinstance(outcome, Done)
    assert isinstance(again, Done)
    assert found == world.write_side()
    assert {
        index: item.code for index, item in enumerate(outcome.items) if isinstance(item, Refused)
    } == {index: rejected.code for index, rejected in refused}
    assert [told(item) for item in again.items] == [told(item) for item in outcome.items]
