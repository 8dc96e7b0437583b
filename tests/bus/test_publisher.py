"""The publisher copies the log to the stream: every event once, its sequence being its position."""

import asyncio

import asyncpg
import pytest

from contracts.bus import partition_of
from contracts.cloudevent import from_nats
from contracts.event import Metadata
from relay.connection import Client
from relay.jetstream import StreamSettings, create_stream, events_config, find_stream
from relay.lease import LeaseLost
from relay.message import Message, Messages
from relay.publisher import (
    DUPLICATE_IN_BATCH,
    WRONG_LAST_SEQUENCE,
    Unpublishable,
    run_publisher,
)
from relay.stream import StreamDiverged
from tests.bus.conftest import Publishing
from tests.fixtures.committing import TYPE, append, body_of, commit, commit_many
from tests.fixtures.relaying import counted, sequence_all, take_lease
from tests.fixtures.streams import assert_whole, stored, until_published
from tests.fixtures.waiting import until


def refusals() -> float:
    """How many batches were refused because of where the stream ends."""
    return sum(
        counted("daybook_publish_errors_total", code=str(code))
        for code in (WRONG_LAST_SEQUENCE, DUPLICATE_IN_BATCH)
    )


async def test_an_event_goes_out_as_a_binary_cloudevent(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    cause = Metadata(
        actor="bus:ehr",
        command="PostPayment",
        correlation_id='Grüße, 100 % "sicher"\r\nX: 1',
        causation_id="msg/1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    await commit(admin, "demo", ("inv_0", 1))
    async with admin.acquire() as connection, connection.transaction():
        await append(connection, "demo", [("inv_1", 1)], partition_key="acc_1", metadata=cause)
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 2)
    message = (await stored(client, streams.events))[1]
    partition = partition_of("acc_1", 16)
    assert message.subject == f"{streams.prefix}.billing.demo.{partition}.invoice.paid.v1"
    assert message.payload == body_of("inv_1", 1)
    ours = {name: value for name, value in message.headers.items() if "Batch" not in name}
    correlation = "Gr%C3%BC%C3%9Fe,%20100%20%25%20%22sicher%22%0D%0AX:%201"
    assert ours == {
        "ce-specversion": "1.0",
        "ce-id": "inv_1-1",
        "ce-source": "/daybook/demo",
        "ce-type": TYPE,
        "ce-time": "2026-03-01T12:30:15.123456Z",
        "ce-subject": "inv_1",
        "ce-datacontenttype": "application/json",
        "ce-dataschema": "https://daybook.dev/schemas/billing.invoice.paid.v1.json",
        "ce-sequence": "00000000000000000002",
        "ce-partitionsequence": "1",
        "ce-streamversion": "1",
        "ce-partitionkey": "acc_1",
        "ce-correlationid": correlation,
        "ce-causationid": "msg/1",
        "ce-traceparent": cause.traceparent,
        "Nats-Msg-Id": "inv_1-1",
    }


async def test_a_reader_of_one_partition_sees_no_gap(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    for tenant in ("demo", "other"):
        await commit_many(admin, tenant, f"inv_{tenant}_", 60)
    head = await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, head)
    seen: dict[str, list[int]] = {}
    for message in await stored(client, streams.events):
        partition = message.subject.rpartition(".invoice")[0]
        seen.setdefault(partition, []).append(int(message.headers["ce-partitionsequence"]))
    assert len(seen) > 20
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())


async def test_events_are_read_by_our_own_reader_of_cloudevents(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await commit(admin, "demo", ("inv_1", 1))
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 1)
    (message,) = await stored(client, streams.events)
    event = from_nats(message.headers, message.payload)
    assert (event.id, event.type, event.subject) == ("inv_1-1", TYPE, "inv_1")
    assert event.extensions["correlationid"] == "c1"


async def test_what_is_committed_while_it_publishes_follows(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    async with publishing():
        for number in range(3):
            await commit_many(admin, "demo", f"inv_{number}_", 1_100)
            head = await sequence_all(pool)
            await until_published(client, streams, head)

        async def is_noted() -> bool:
            found = await admin.fetchval("SELECT position FROM relay_progress")
            return bool(found == 3_300)

        await until(is_noted)
    found = await find_stream(client, streams.events)
    assert found is not None
    assert (found.state.first_seq, found.state.messages) == (1, 3_300)


async def test_it_goes_on_from_where_the_stream_ends_whatever_was_noted(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await commit_many(admin, "demo", "inv_", 40)
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 40)
    await admin.execute("DELETE FROM relay_progress")
    await commit_many(admin, "demo", "chg_", 40)
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 80)
    await assert_whole(client, streams, admin)


async def test_a_leader_of_the_past_publishes_nothing(
    client: Client, streams: StreamSettings, admin: asyncpg.Pool, pool: asyncpg.Pool
) -> None:
    past = await take_lease(pool, "relay.publisher", "ada")
    await take_lease(pool, "relay.publisher", "ben")
    await commit(admin, "demo", ("inv_1", 1))
    await sequence_all(pool)
    with pytest.raises(LeaseLost):
        await run_publisher(pool, client, past, streams)
    assert await stored(client, streams.events) == []


@pytest.mark.parametrize("has_ids", [True, False])
async def test_two_publishers_under_one_lease_store_every_event_once(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    has_ids: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fence and even JetStream's window of ids aside: nobody can double or reorder."""
    if not has_ids:
        made = Messages.message

        def nameless(messages: Messages, row: asyncpg.Record, size_max: int) -> Message:
            message = made(messages, row, size_max)
            headers = message.headers.replace("Nats-Msg-Id", "X-Msg-Id")
            return message._replace(headers=headers)

        monkeypatch.setattr(Messages, "message", nameless)
    await commit_many(admin, "demo", "inv_", 1_900)
    await sequence_all(pool)
    lease = await take_lease(pool, "relay.publisher", "test")
    refused, count = refusals(), 1_900
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_publisher(pool, client, lease, streams)) for _ in range(2)]
        await until_published(client, streams, count)
        # More of them until they got in each other's way, which is up to when each looks.
        while refusals() == refused:
            await commit_many(admin, "demo", f"inv_{count}_", 500)
            await sequence_all(pool)
            count += 500
            await until_published(client, streams, count)
        for task in tasks:
            task.cancel()
    await assert_whole(client, streams, admin)


async def test_what_the_server_refuses_stops_everything_behind_it_until_it_is_taken(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await create_stream(client, events_config(streams) | {"max_msg_size": 2_000})
    await commit_many(admin, "demo", "inv_", 20)
    await commit(admin, "demo", ("big", 1), body=b'"' + b"x" * 4_000 + b'"')
    await commit_many(admin, "demo", "chg_", 20)
    await sequence_all(pool)
    errors = counted("daybook_publish_errors_total", code="10054")
    async with publishing() as task:
        with pytest.raises(Unpublishable, match="big-1 at position 21") as caught:
            await task
    assert (caught.value.position, caught.value.code) == (21, 10054)
    assert counted("daybook_publish_errors_total", code="10054") > errors
    assert len(await stored(client, streams.events)) == 20
    found = await find_stream(client, streams.events)
    assert found is not None
    await client.jetstream().update_stream(name=streams.events, max_msg_size=-1)
    async with publishing():
        await until_published(client, streams, 41)
    await assert_whole(client, streams, admin)


async def test_what_this_server_never_takes_is_not_even_sent(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server closes the connection of who sends more than its max_payload."""
    monkeypatch.setattr(client, "_max_payload", 3_000)
    await commit_many(admin, "demo", "inv_", 5)
    await commit(admin, "demo", ("big", 1), body=b'"' + b"x" * 4_000 + b'"')
    await commit(admin, "demo", ("inv_9", 1))
    await sequence_all(pool)
    async with publishing() as task:
        with pytest.raises(Unpublishable, match="max_payload"):
            await task
    assert client.is_connected
    assert [m.sequence for m in await stored(client, streams.events)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("tenant", ["demo.other", "two words", "demo>", "a\r\nPUB x 0", ""])
async def test_an_event_whose_subject_would_be_another_stops_the_relay(
    tenant: str,
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await commit(admin, tenant, ("inv_1", 1))
    await sequence_all(pool)
    async with publishing() as task:
        with pytest.raises(Unpublishable, match="inv_1-1 at position 1"):
            await task


async def test_a_stream_that_somebody_else_writes_to_is_not_written_on(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    """With the id of our next event even: its body is another."""
    await commit_many(admin, "demo", "inv_", 3)
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 3)
    subject = streams.subject("billing.demo.0.invoice.paid.v1")
    await client.jetstream().publish(subject, b"{}", headers={"Nats-Msg-Id": "inv_4-1"})
    await commit(admin, "demo", ("inv_4", 1))
    await sequence_all(pool)
    async with publishing() as task:
        with pytest.raises(StreamDiverged, match="at 4 is not inv_4-1"):
            await task


async def test_events_that_share_an_id_with_another_tenants_are_all_stored(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    """JetStream takes the later one for a repeat, alone or within a batch, and says so only."""
    async with publishing():
        for number in range(4):
            await commit(admin, "demo", (f"inv_{number}", 1), ("chg_1", number + 1))
            await commit(admin, "other", ("chg_1", number + 1), (f"inv_{number}", 1))
        head = await sequence_all(pool)
        await until_published(client, streams, head)
    await assert_whole(client, streams, admin)
    headers = [message.headers for message in await stored(client, streams.events)]
    assert headers[0]["Nats-Msg-Id"] == headers[0]["ce-id"] == "inv_0-1"
    assert headers[3]["Nats-Msg-Id"] == "inv_0-1@4"


async def test_a_stream_that_is_ahead_of_a_restored_database_is_not_written_on(
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await commit_many(admin, "demo", "inv_", 3)
    await sequence_all(pool)
    async with publishing():
        await until_published(client, streams, 3)
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM event_log WHERE position = 3")
        await connection.execute("UPDATE log_head SET position = 2")
    async with publishing() as task:
        with pytest.raises(StreamDiverged, match="the stream ends at 3, the log at 2"):
            await task
