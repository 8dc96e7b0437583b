"""Postgres killed under load and started again: what was acknowledged is there, exactly once."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.adapters.postgres.migrate import migrate
from services.adapters.postgres.pool import open_pool
from services.embedded import EmbeddedStack, GivenAddresses, StackOptions, running_stack
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Done, Envelope
from services.execute.executor import Executor
from tests.fixtures.waiting import until
from tests.fixtures.write_path import (
    all_done,
    assert_books_straight,
    capture,
    draft,
    envelope,
    issue,
    message,
    open_account,
    pay,
)

PATIENTS = [f"p{n}" for n in range(8)]
# The kill must meet commits that were acknowledged because they were flushed, as in production.
OPTIONS = StackOptions(
    durable=True,
    temporal=False,
    usual_ports=False,
    given=GivenAddresses(nats_url="nats://127.0.0.1:9"),  # not needed here, so not started
)


@pytest.fixture
async def own_stack() -> AsyncIterator[EmbeddedStack]:
    """A Postgres that may be killed."""
    async with running_stack(OPTIONS) as stack:
        connection = await asyncpg.connect(stack.addresses.postgres_url)
        await migrate(connection)
        await connection.close()
        yield stack


_ANSWER_SECONDS_MAX = 120


class Clinic:
    """A writer that repeats what it got no answer for, and gives up some of it on the way."""

    def __init__(self, executor: Executor, patient: str) -> None:
        self.acknowledged: list[str] = []
        self._executor = executor
        self._patient = patient
        self._random = random.Random(patient)

    async def work(self, stopping: asyncio.Event) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            name = f"{self._patient}-{number}"
            charge = capture(self._patient, name)
            for command in (
                charge,
                draft(self._patient, name, charge_ids=(charge.charge_id,)),
                issue(self._patient, name),
                pay(self._patient, name, 12_500),
            ):
                await self._ask(envelope(command, message(f"{type(command).__name__}-{name}")))

    async def _ask(self, asked: Envelope) -> None:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            while True:
                try:
                    outcome = await self._executor.execute(asked)
                except LedgerUnavailable:
                    if self._random.random() < 0.05:
                        return  # this one is never asked again: it may hold or not
                    await asyncio.sleep(0.05)
                    continue
                if isinstance(outcome, Done):
                    self.acknowledged.append(outcome.token)
                    return
                if not outcome.transient:
                    return  # what it builds on was given up


async def test_postgres_killed_under_load_loses_and_doubles_nothing(
    own_stack: EmbeddedStack,
) -> None:
    url = own_stack.addresses.postgres_url
    pool = await open_pool(url, "daybook_writer", size_max=6)
    async with Executor(pool) as executor:
        opened = await executor.execute_all([envelope(open_account(p)) for p in PATIENTS])
        assert all_done(opened)
        clinics = [Clinic(executor, patient) for patient in PATIENTS]
        stopping = asyncio.Event()
        work = asyncio.gather(*(clinic.work(stopping) for clinic in clinics))

        async def further(known: int, count: int) -> None:
            async def more() -> bool:
                return sum(len(clinic.acknowledged) for clinic in clinics) >= known + count

            await until(more)

        for _ in range(2):
            known = sum(len(clinic.acknowledged) for clinic in clinics)
            await further(known, 100)
            os.kill(own_stack.pids()["postgres"], signal.SIGKILL)
        known = sum(len(clinic.acknowledged) for clinic in clinics)
        await further(known, 100)
        stopping.set()
        await asyncio.wait_for(work, 30)
    pool.terminate()
    tokens = [token for clinic in clinics for token in clinic.acknowledged]
    await assert_nothing_lost(url, tokens)


async def assert_nothing_lost(url: str, tokens: list[str]) -> None:
    settings = {"search_path": "daybook, read, public"}
    admin = await asyncpg.create_pool(url, min_size=1, max_size=2, server_settings=settings)
    try:
        there = await admin.fetch("SELECT stream_id || '-' || version AS token FROM events")
        names = [row["token"] for row in there]
        assert len(names) == len(set(names))
        assert set(tokens) <= set(names)
        numbers = await admin.fetch("SELECT key FROM claims WHERE kind = 'invoice_number'")
        drawn = sorted(int(row["key"].rpartition("-")[2]) for row in numbers)
        assert drawn == list(range(1, len(drawn) + 1))
        await assert_books_straight(admin)
    finally:
        await admin.close()
