"""The relay as processes: killed, paused, doubled and stopped, the stream has every event once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from relay.connection import Client, connect
from relay.jetstream import StreamSettings, find_stream
from services.embedded.addresses import Addresses
from services.relay_process import PUBLISHER, SEQUENCER, serve_relay
from tests.fixtures.committing import commit, commit_many
from tests.fixtures.databases import Database
from tests.fixtures.nats_server import NatsServer
from tests.fixtures.relaying import counted
from tests.fixtures.streams import assert_whole, until_published
from tests.fixtures.waiting import until

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 1.5

Condition = Callable[[], Awaitable[bool]]
Child = Callable[[str], AbstractAsyncContextManager[asyncio.subprocess.Process]]
Serving = Callable[[str], AbstractAsyncContextManager[asyncio.Event]]


@pytest.fixture
def child(database: Database, stack: Addresses, streams: StreamSettings) -> Child:
    """Runs a relay in a process of its own; ended with the test."""

    @asynccontextmanager
    async def run(kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fixtures.relay_child"),
            *(database.url, stack.nats_url, streams.prefix, str(LEASE_SECONDS), kind),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return run


@pytest.fixture
def serving(
    pool: asyncpg.Pool, database: Database, stack: Addresses, streams: StreamSettings
) -> Serving:
    """Runs a relay in this process, stopped in order at the end."""

    @asynccontextmanager
    async def run(owner: str) -> AsyncIterator[asyncio.Event]:
        client = await connect(stack.nats_url, name=owner)
        stopping = asyncio.Event()
        task = asyncio.create_task(
            serve_relay(
                await database.pool("daybook_sequencer", size_max=8),
                client,
                streams,
                owner=owner,
                lease_seconds=LEASE_SECONDS,
                stopping=stopping,
            )
        )
        try:
            yield stopping
        finally:
            stopping.set()
            async with asyncio.timeout(20):
                await task
            await client.close()

    return run


async def says(process: asyncio.subprocess.Process, text: str) -> None:
    """Wait until the process prints a line with this."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        async for line in process.stdout:
            if text in line.decode():
                return
    pytest.fail(f"the process ended and never said {text!r}")


async def test_after_a_kill_between_publishing_and_noting_it_every_event_is_there_once(
    child: Child, serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    await commit_many(admin, "demo", "inv_", 700)
    async with child("forgetful") as process:
        await says(process, "stored 500")
        process.kill()
        await process.wait()
    assert await admin.fetchval("SELECT count(*) FROM relay_progress") == 0
    async with serving("next"):
        await commit_many(admin, "demo", "chg_", 100)
        await until_published(client, streams, 800)
    await assert_whole(client, streams, admin)


async def test_a_leader_that_slept_past_its_lease_writes_and_publishes_nothing_more(
    child: Child, serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    writing = asyncio.create_task(commit_for_ever(admin))
    try:
        async with child("normal") as process:
            await until(reaches(client, streams, 20))
            process.send_signal(signal.SIGSTOP)
            async with serving("next"):
                await until(leads(admin, "next"))
                position = await head(admin)
                await until(reaches(client, streams, position + 20))
                process.send_signal(signal.SIGCONT)
                await says(process, "lease lost")
                await until(reaches(client, streams, await head(admin) + 20))
                assert await leads(admin, "next")()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                await until(is_all_sequenced(admin))
                await until_published(client, streams, await head(admin))
    finally:
        writing.cancel()
    await assert_whole(client, streams, admin)
    assert await is_dense(admin)


async def test_of_two_relays_one_leads_and_the_other_goes_on_when_it_is_gone(
    child: Child, serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    async with serving("ben"):
        await until(leads(admin, "ben"))
        async with child("normal"):
            await commit_many(admin, "demo", "inv_", 200)
            await until_published(client, streams, 200)
            assert await leads(admin, "ben")()
    async with child("normal"):
        await commit_many(admin, "demo", "chg_", 200)
        await until_published(client, streams, 400)
        assert await leads(admin, "child")()
    await assert_whole(client, streams, admin)


async def test_a_relay_that_stops_in_order_leaves_its_leases_free(
    serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    async with serving("ada"):
        await commit_many(admin, "demo", "inv_", 10)
        await until_published(client, streams, 10)
    held = await admin.fetchval("SELECT count(*) FROM leases WHERE expires_at > clock_timestamp()")
    assert held == 0


async def test_it_tells_how_far_it_is(
    serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    async with serving("ada"):
        await commit_many(admin, "demo", "inv_", 30)
        await until_published(client, streams, 30)

        async def is_told() -> bool:
            return (
                counted("daybook_log_head_position") == counted("daybook_relay_position") == 30
                and counted("daybook_unsequenced_rows") == counted("billing_outbox_lag") == 0
            )

        await until(is_told)
        assert counted("daybook_is_leader", name=PUBLISHER) == 1
        assert counted("daybook_is_leader", name=SEQUENCER) == 1
        assert counted("daybook_lease_epoch", name=PUBLISHER) >= 1
        assert counted("daybook_publish_lag_seconds_count") > 0
    assert counted("daybook_is_leader", name=PUBLISHER) == 0


async def test_the_lag_and_old_transactions_of_anybody_are_measured(
    serving: Serving, streams: StreamSettings, admin: asyncpg.Pool, database: Database
) -> None:
    async with admin.acquire() as old, old.transaction():
        await old.execute("SELECT pg_current_xact_id()")
        await admin.execute(
            "INSERT INTO billing_outbox (tenant, event_ids, committed_at)"
            " VALUES ('demo', '{inv_9-1}', clock_timestamp() - interval '1 hour')"
        )
        async with serving("ada"):

            async def is_told() -> bool:
                return (
                    counted("billing_outbox_lag") > 3_600
                    and counted("daybook_unsequenced_rows") == 1
                    and counted("daybook_oldest_transaction_seconds") > 0.1
                    # The event is not there: the sequencer stands, and says so.
                    and counted("daybook_relay_halted", part=SEQUENCER) == 1
                )

            await until(is_told)


async def test_broken_connections_to_postgres_cost_nothing_but_time(
    serving: Serving, client: Client, streams: StreamSettings, admin: asyncpg.Pool
) -> None:
    async with serving("ada"):
        for round_ in range(1, 6):
            await commit_many(admin, "demo", f"inv_{round_}_", 300)
            await until(reaches(client, streams, 300 * round_ - 250))
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'daybook_sequencer' AND datname = current_database()"
            )
        await until_published(client, streams, 1_500)
    await assert_whole(client, streams, admin)
    assert await is_dense(admin)


async def test_the_stream_is_whole_after_the_server_was_killed_under_load(
    tmp_path: Path, database: Database, pool: asyncpg.Pool, admin: asyncpg.Pool
) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    client = await connect(server.url, name="test")
    streams, stopping = StreamSettings(), asyncio.Event()
    task = asyncio.create_task(
        serve_relay(
            pool, client, streams, owner="ada", lease_seconds=LEASE_SECONDS, stopping=stopping
        )
    )
    try:
        await commit_many(admin, "demo", "inv_", 3_000)
        await until(reaches(client, streams, 1))
        server.kill()
        await server.start()
        await commit_many(admin, "demo", "chg_", 300)
        await until(reaches(client, streams, 3_300))
        await assert_whole(client, streams, admin)
    finally:
        stopping.set()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        server.kill()


async def commit_for_ever(admin: asyncpg.Pool) -> None:
    number = 0
    while True:
        number += 1
        await commit(admin, "demo", (f"inv_{number}", 1), (f"inv_{number}", 2))


async def head(admin: asyncpg.Pool) -> int:
    return int(await admin.fetchval("SELECT position FROM log_head"))


async def is_dense(admin: asyncpg.Pool) -> bool:
    last, count = await admin.fetchval("SELECT (max(position), count(*)) FROM event_log")
    return bool(last == count)


def reaches(client: Client, streams: StreamSettings, position: int) -> Condition:
    async def is_there() -> bool:
        if not client.is_connected:
            return False
        found = await find_stream(client, streams.events)
        return found is not None and found.state.last_seq >= position

    return is_there


def leads(admin: asyncpg.Pool, owner: str) -> Condition:
    async def both() -> bool:
        count = await admin.fetchval(
            "SELECT count(*) FROM leases WHERE owner = $1 AND expires_at > clock_timestamp()",
            owner,
        )
        return bool(count == 2)

    return both


def is_all_sequenced(admin: asyncpg.Pool) -> Condition:
    async def is_empty() -> bool:
        return not await admin.fetchval("SELECT count(*) FROM billing_outbox")

    return is_empty
