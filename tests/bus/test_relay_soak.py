"""Writers at random against readers that follow, in Postgres and on the stream: nothing is missed,
nothing doubled, nothing out of order, and no command is ever seen by halves."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import asyncpg

from contracts.ids import split_event_id
from relay.connection import Client
from relay.jetstream import StreamSettings
from relay.lease import Lease, lead
from relay.publisher import run_publisher
from relay.reader import ordered_feed
from relay.sequencer import run_sequencer
from tests.fixtures.committing import append
from tests.fixtures.databases import Database

WRITERS = 8
COMMANDS_EACH = 120
SOAK_SECONDS_MAX = 90

Event = tuple[str, int]


class Plan:
    """What the writers are to commit: each command some events, on streams of the writer's own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.commands: dict[Event, tuple[Event, ...]] = {}
        self._versions: defaultdict[str, int] = defaultdict(int)

    def command(self, writer: int) -> tuple[Event, ...]:
        events = []
        for _ in range(self.random.choice((1, 1, 2, 5))):
            stream = f"chg_{writer}_{self.random.randrange(4)}"
            self._versions[stream] += 1
            events.append((stream, self._versions[stream]))
        for event in events:
            self.commands[event] = tuple(events)
        return tuple(events)


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
        # One tenant for all: stream ids are the writers' own.
        await asyncio.gather(*(write(database, plan, n, "demo") for n in range(WRITERS)))
        total.set_result(len(plan.commands))
        await asyncio.gather(*following)
        for relay in relays:
            relay.cancel()
    assert [follower.position for follower in followers] == [len(plan.commands)] * 2
