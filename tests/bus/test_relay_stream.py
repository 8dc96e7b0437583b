"""What happens to the stream of events is put right from Postgres: sequence = position, always."""

import asyncio
from dataclasses import dataclass

import asyncpg
import msgspec
import pytest

from relay.connection import Client
from relay.jetstream import (
    StreamSettings,
    create_stream,
    delete_stream,
    events_config,
    find_stream,
)
from relay.publisher import run_publisher
from relay.stream import REBUILD_SECONDS_MIN, Cooldown, find_loss
from tests.bus.conftest import Publishing
from tests.fixtures.committing import commit_many
from tests.fixtures.relaying import counted, sequence_all, take_lease
from tests.fixtures.streams import assert_whole, stored, until_published
from tests.fixtures.waiting import until


@dataclass
class Relay:
    """A log of fifty events, published."""

    client: Client
    streams: StreamSettings
    admin: asyncpg.Pool
    pool: asyncpg.Pool
    publishing: Publishing

    async def add(self, count: int, prefix: str) -> None:
        await commit_many(self.admin, "demo", prefix, count)
        await sequence_all(self.pool)

    async def is_whole(self) -> bool:
        found = await find_stream(self.client, self.streams.events)
        head = await self.admin.fetchval("SELECT position FROM log_head")
        return found is not None and found.state.messages == head == found.state.last_seq

    async def assert_whole(self) -> None:
        await until(self.is_whole)
        await assert_whole(self.client, self.streams, self.admin)


@pytest.fixture
async def relay(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> Relay:
    relay = Relay(client, streams, admin, pool, publishing)
    await relay.add(50, "inv_")
    async with publishing():
        await until_published(client, streams, 50)
    return relay


async def purge(relay: Relay) -> None:
    await relay.client.jetstream().purge_stream(relay.streams.events)


async def purge_half(relay: Relay) -> None:
    await relay.client.jetstream().purge_stream(relay.streams.events, seq=25)


async def delete(relay: Relay) -> None:
    await delete_stream(relay.client, relay.streams.events)


async def delete_one(relay: Relay) -> None:
    await relay.client.jetstream().delete_msg(relay.streams.events, 20)


async def delete_the_last(relay: Relay) -> None:
    await relay.client.jetstream().delete_msg(relay.streams.events, 50)


async def lose_the_tail(relay: Relay) -> None:
    """As a server does that was restored from a backup, or crashed with unflushed messages."""
    messages = await stored(relay.client, relay.streams.events)
    await delete_stream(relay.client, relay.streams.events)
    await create_stream(relay.client, events_config(relay.streams))
    for message in messages[:30]:
        headers = {name: value for name, value in message.headers.items() if "Batch" not in name}
        await relay.client.jetstream().publish(message.subject, message.payload, headers=headers)


FAULTS = [purge, purge_half, delete, delete_one, delete_the_last, lose_the_tail]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_stream_is_whole_again_after(fault, relay: Relay) -> None:  # type: ignore[no-untyped-def]  # one of the functions above
    await fault(relay)
    async with relay.publishing():
        await relay.assert_whole()


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_stream_is_made_whole_while_it_is_published_to(  # type: ignore[no-untyped-def]  # as above
    fault, relay: Relay
) -> None:
    async with relay.publishing():
        await relay.add(5, "chg_")
        await until_published(relay.client, relay.streams, 55)
        await fault(relay)
        await relay.add(40, "pay_")
        await relay.assert_whole()


async def test_a_purge_within_the_duplicate_window_is_no_trap(relay: Relay) -> None:
    """The same ids would be answered `duplicate` by the purged stream, and nothing stored."""
    first = (await stored(relay.client, relay.streams.events))[0]
    await purge(relay)
    ack = await relay.client.jetstream().publish(
        first.subject, first.payload, headers={"Nats-Msg-Id": first.headers["Nats-Msg-Id"]}
    )
    assert ack.duplicate
    assert await stored(relay.client, relay.streams.events) == []
    async with relay.publishing():
        await relay.assert_whole()


async def test_what_retention_took_is_not_published_again(relay: Relay) -> None:
    """By age: the events are older than what the stream is to keep."""
    async with relay.admin.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE event_log SET sequenced_at = clock_timestamp() - interval '100 days'"
            " WHERE position <= 30"
        )
    await relay.client.jetstream().purge_stream(relay.streams.events, seq=31)
    rebuilds = counted("daybook_stream_rebuilds_total")
    async with relay.publishing():
        await relay.add(5, "chg_")
        await until_published(relay.client, relay.streams, 55)
    assert counted("daybook_stream_rebuilds_total") == rebuilds
    assert [m.sequence for m in await stored(relay.client, relay.streams.events)][:1] == [31]
    await delete(relay)
    async with relay.publishing():
        await until_published(relay.client, relay.streams, 55)
    # Created again it begins with the oldest event that it is to keep.
    assert [m.sequence for m in await stored(relay.client, relay.streams.events)][:1] == [31]


async def test_a_stream_that_is_full_has_lost_nothing(relay: Relay) -> None:
    """By bytes: the server drops the oldest messages to stay below the limit."""
    limited = msgspec.structs.replace(relay.streams, events_bytes_max=20_000)
    lease = await take_lease(relay.pool, "relay.publisher", "test")
    rebuilds = counted("daybook_stream_rebuilds_total")
    task = asyncio.create_task(run_publisher(relay.pool, relay.client, lease, limited))
    await relay.add(5, "chg_")
    await until_published(relay.client, relay.streams, 55)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    found = await find_stream(relay.client, relay.streams.events)
    assert found is not None
    assert found.state.first_seq > 1
    async with relay.pool.acquire() as connection:
        assert await find_loss(connection, found, limited) is None
    assert counted("daybook_stream_rebuilds_total") == rebuilds


async def test_a_stream_made_by_hand_gets_its_configuration(relay: Relay) -> None:
    await relay.client.jetstream().update_stream(
        name=relay.streams.events, duplicate_window=1, description="mine"
    )
    async with relay.publishing():
        await relay.add(5, "chg_")
        await until_published(relay.client, relay.streams, 55)
    found = await find_stream(relay.client, relay.streams.events)
    assert found is not None
    assert found.config["duplicate_window"] == 120_000_000_000
    assert found.config["description"] == "mine"


def test_damage_that_comes_back_at_once_is_repaired_ever_more_slowly() -> None:
    cooldown = Cooldown()
    assert cooldown.allows(1_000.0)
    assert not cooldown.allows(1_000.0 + REBUILD_SECONDS_MIN - 1)
    assert cooldown.allows(1_000.0 + REBUILD_SECONDS_MIN)
    assert not cooldown.allows(1_000.0 + 3 * REBUILD_SECONDS_MIN - 1)
    assert cooldown.allows(1_000.0 + 3 * REBUILD_SECONDS_MIN)
    assert cooldown.allows(100_000.0)
    assert not cooldown.allows(100_000.0 + REBUILD_SECONDS_MIN - 1)
