"""Executors and writers at random against readers that follow, in Postgres and on the stream:
nothing is missed, doubled or out of order, and no command is ever seen by halves."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg

from contracts.ids import event_id, split_event_id
from relay.connection import Client
from relay.jetstream import StreamSettings
from relay.lease import Lease, lead
from relay.publisher import run_publisher
from relay.reader import ordered_feed
from relay.sequencer import run_sequencer
from services.execute.envelope import Done
from services.execute.executor import Executor
from tests.fixtures.committing import append
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    account_id,
    capture,
    draft,
    envelope,
    invoice_id,
    issue,
    open_account,
    pay,
)

SQL_WRITERS = 4
COMMANDS_EACH = 120
EXECUTORS = 2
PATIENTS_EACH = 2
PAYMENTS_EACH = 12
SOAK_SECONDS_MAX = 90

Event = tuple[str, int]


class Plan:
    """What the writers are to commit: each command some events, on streams of the writer's own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.commands: dict[Event, tuple[Event, ...]] = {}
        self._versions: defaultdict[str, int] = defaultdict(int)

    def expect(self, *names: str) -> tuple[Event, ...]:
        """A command is to give each of these streams its next event, in this order."""
        events = []
        for stream in names:
            self._versions[stream] += 1
            events.append((stream, self._versions[stream]))
        for event in events:
            self.commands[event] = tuple(events)
        return tuple(events)

    def version(self, stream: str) -> int:
        return self._versions[stream]

    def command(self, writer: int) -> tuple[Event, ...]:
        count = self.random.choice((1, 1, 2, 5))
        return self.expect(*(f"chg_{writer}_{self.random.randrange(4)}" for _ in range(count)))


class Follower:
    """Checks what a reader sees, as it sees it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._open: list[Event] = []
        self.position = 0

    def see(self, position: int, event: Event) -> None:
        stream, version = event
        assert position == self.position + 1, "a gap or a repeat"
        assert version == self._versions[stream] + 1, "out of the order of its stream"
        self.position, self._versions[stream] = position, version
        if not self._open:
            self._open = list(self._plan.commands[event])
        assert self._open.pop(0) == event, "not the command that began"

    def has_whole_commands(self) -> bool:
        return not self._open


async def trade(executor: Executor, plan: Plan, patient: str) -> None:
    """Real commands of one account; the payments book on several streams at once."""

    async def execute(command: Any, *names: str) -> None:
        plan.expect(*names)
        outcome = await executor.execute(envelope(command))
        assert isinstance(outcome, Done), outcome
        assert outcome.token == event_id(*plan.commands[names[-1], plan.version(names[-1])][-1])

    await execute(open_account(patient), account_id(patient))
    for number in range(PAYMENTS_EACH):
        invoices = [f"{patient}-{number}-{one}" for one in range(plan.random.choice((1, 2, 3)))]
        for name in invoices:
            charge = capture(patient, name)
            await execute(charge, charge.charge_id)
            await execute(draft(patient, name), invoice_id(name))
            await execute(issue(patient, name), invoice_id(name))
        payment = pay(patient, f"{patient}-{number}", minor=12_500 * len(invoices))
        await execute(payment, payment.payment_id, *map(invoice_id, invoices))


async def write(database: Database, plan: Plan, writer: int, tenant: str) -> None:
    connection = await asyncpg.connect(
        database.url, server_settings={"search_path": "daybook, public"}
    )
    try:
        for _ in range(COMMANDS_EACH):
            async with connection.transaction():
                await append(connection, tenant, plan.command(writer))
                # The outbox row has its id; who draws a later one may commit before.
                await asyncio.sleep(plan.random.random() * 0.01)
    finally:
        await connection.close()


async def follow_log(admin: asyncpg.Pool, follower: Follower, total: asyncio.Future[int]) -> None:
    while not total.done() or follower.position < total.result():
        rows = await admin.fetch(
            "SELECT position, stream_id, version FROM event_log WHERE position > $1"
            " ORDER BY position",
            follower.position,
        )
        for position, stream, version in rows:
            follower.see(position, (stream, version))
        assert follower.has_whole_commands(), "half a command was visible"
        await asyncio.sleep(0)


async def follow_stream(
    client: Client, stream: str, follower: Follower, total: asyncio.Future[int]
) -> None:
    async with ordered_feed(client, stream, after=0, wait_seconds=0) as feed:
        async for batch in feed.batches():
            for message in batch:
                assert int(message.headers["ce-sequence"]) == message.sequence
                follower.see(message.sequence, split_event_id(message.headers["ce-id"]))
            if total.done() and follower.position == total.result():
                return


async def test_nothing_is_missed_by_whoever_follows_eight_writers(
    database: Database,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
) -> None:
    plan = Plan(seed=20260301)
    total: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    followers = [Follower(plan), Follower(plan)]

    async def sequence(lease: Lease) -> None:
        await run_sequencer(pool, lease, events_max=40)

    async def publish(lease: Lease) -> None:
        await run_publisher(pool, client, lease, streams)

    async with asyncio.timeout(SOAK_SECONDS_MAX), asyncio.TaskGroup() as group:
        relays: Sequence[asyncio.Task[None]] = [
            group.create_task(lead(pool, name=name, owner="ada", seconds=10, body=body))
            for name, body in (("relay.sequencer", sequence), ("relay.publisher", publish))
        ]
        following = [
            group.create_task(follow_log(admin, followers[0], total)),
            group.create_task(follow_stream(client, streams.events, followers[1], total)),
        ]
        async with AsyncExitStack() as undo:
            writers = await database.pool("daybook_writer", 4 * EXECUTORS)
            trading = [
                trade(await undo.enter_async_context(Executor(writers)), plan, f"p{one}-{patient}")
                for one in range(EXECUTORS)
                for patient in range(PATIENTS_EACH)
            ]
            # One tenant for all: stream ids are the writers' own.
            writing = [write(database, plan, n, "demo") for n in range(SQL_WRITERS)]
            await asyncio.gather(*trading, *writing)
        total.set_result(len(plan.commands))
        await asyncio.gather(*following)
        for relay in relays:
            relay.cancel()
    assert [follower.position for follower in followers] == [len(plan.commands)] * 2
