"""Reading the streams: nothing is lost or left out when consumers, streams and servers go away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from relay.connection import Client, connect
from relay.consumer import Delivery
from relay.inbox import DurableConsumer, DurableFeed, durable_feed
from relay.jetstream import StreamSettings, delete_stream, ensure_intake, find_stream
from relay.producer import NotStored, send
from relay.pull import BATCH_BYTES_MAX, REQUEST_BYTES_MAX, Pull
from relay.reader import OrderedFeed, ordered_feed
from tests.fixtures.nats_server import NatsServer
from tests.fixtures.waiting import until

ACK_SECONDS = 1.5

Feed = DurableFeed | OrderedFeed


@pytest.fixture
async def intake(client: Client, streams: StreamSettings) -> str:
    """A stream to read; what it holds does not matter here."""
    await ensure_intake(client, streams)
    return streams.intake


async def fill(client: Client, streams: StreamSettings, count: int, start: int = 1) -> None:
    subject = streams.subject("intake.demo.some")
    numbers = range(start, start + count)
    stored = await send(client, ((subject, {"number": str(n)}, b"%d" % n) for n in numbers))
    assert stored == count


async def read(batches: AsyncIterator[Sequence[Delivery]], count: int) -> list[Delivery]:
    """So many messages, or a few more."""
    messages: list[Delivery] = []
    async with asyncio.timeout(30):
        async for batch in batches:
            assert batch
            messages += batch
            if len(messages) >= count:
                break
    return messages


def numbers(messages: Sequence[Delivery]) -> list[int]:
    return [int(message.payload) for message in messages]


def durable(stream: str, **more: float) -> DurableConsumer:
    return DurableConsumer(stream=stream, name="intake", **more)  # type: ignore[arg-type]  # only seconds


async def test_batches_hold_what_was_sent_in_its_order(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 1_700)
    async with durable_feed(client, durable(intake), batch_max=300) as feed:
        messages: list[Delivery] = []
        async for batch in feed.batches():
            assert len(batch) <= 300
            await feed.ack(batch)
            messages += batch
            if len(messages) == 1_700:
                break
    assert numbers(messages) == list(range(1, 1_701))
    assert messages[4].sequence == 5
    assert messages[4].headers["number"] == "5"
    assert messages[4].subject == streams.subject("intake.demo.some")
    assert messages[4].delivered == 1
    info = await client.jetstream().consumer_info(intake, "intake")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)


async def test_what_was_not_acknowledged_comes_again(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 20)
    async with durable_feed(client, durable(intake, ack_seconds=0.5), batch_max=10) as feed:
        batches = feed.batches()
        first = await anext(batches)
        await feed.ack(first[:4])
        seen = dict.fromkeys(numbers(first[4:]), 0)
        async with asyncio.timeout(30):
            while not all(seen.values()):
                batch = await anext(batches)
                for message in batch:
                    assert int(message.payload) not in numbers(first[:4])
                    if message.delivered > 1:
                        seen[int(message.payload)] = message.delivered
                await feed.ack(batch)
    assert set(seen.values()) == {2}


async def test_what_is_given_back_comes_again_and_what_is_in_progress_does_not(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 2)
    async with durable_feed(client, durable(intake, ack_seconds=ACK_SECONDS), batch_max=2) as feed:
        batches = feed.batches()
        first = await read(batches, 2)
        batches = feed.batches()
        await feed.nak(first[:1], delay_seconds=0.1)
        again = await read(batches, 1)
        assert [(int(message.payload), message.delivered) for message in again] == [(1, 2)]
        now = asyncio.get_running_loop().time
        begun = now()

        async def has_taken_long() -> bool:
            await feed.in_progress(first[1:])
            info = await client.jetstream().consumer_info(intake, "intake")
            assert info.num_redelivered == 1
            return now() - begun > 2 * ACK_SECONDS

        await until(has_taken_long)
        await feed.ack([*again, *first[1:]])
    info = await client.jetstream().consumer_info(intake, "intake")
    assert info.num_ack_pending == 0


async def test_two_readers_share_a_consumer(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 2_000)
    seen: list[int] = []

    async def take() -> None:
        async with durable_feed(client, durable(intake), batch_max=50) as feed:
            async for batch in feed.batches():
                seen.extend(numbers(batch))
                await feed.ack(batch)

    tasks = [asyncio.create_task(take()) for _ in range(2)]

    async def is_all() -> bool:
        return len(seen) >= 2_000

    await until(is_all)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(seen) == list(range(1, 2_001))


async def test_a_deleted_consumer_is_made_again(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    async with durable_feed(client, durable(intake), batch_max=10) as feed:
        batches = feed.batches()
        await fill(client, streams, 5)
        await feed.ack(await anext(batches))
        await client.jetstream().delete_consumer(intake, "intake")
        await fill(client, streams, 5, start=6)
        assert 10 in numbers(await read(batches, 5))


async def test_a_deleted_stream_is_waited_for(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    async with durable_feed(client, durable(intake), batch_max=10) as feed:
        batches = feed.batches()
        await fill(client, streams, 5)
        await feed.ack(await anext(batches))
        await delete_stream(client, intake)
        reading = asyncio.create_task(read(batches, 3))
        await ensure_intake(client, streams)
        await fill(client, streams, 3, start=100)
        assert numbers(await reading) == [100, 101, 102]


async def test_a_reader_may_come_before_the_stream(client: Client, streams: StreamSettings) -> None:
    async with ordered_feed(client, streams.intake, after=0) as feed:
        reading = asyncio.create_task(read(feed.batches(), 3))
        await ensure_intake(client, streams)
        await fill(client, streams, 3)
        assert numbers(await reading) == [1, 2, 3]


async def test_an_ordered_reader_begins_after_its_position(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 30)
    async with ordered_feed(client, intake, after=12) as feed:
        assert numbers(await read(feed.batches(), 18)) == list(range(13, 31))


async def test_an_ordered_reader_may_be_ahead_of_the_stream(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    """As when the stream went back and is being published again."""
    await fill(client, streams, 5)
    async with ordered_feed(client, intake, after=8) as feed:
        reading = asyncio.create_task(read(feed.batches(), 2))
        await fill(client, streams, 5, start=6)
        assert numbers(await reading) == [9, 10]


async def test_batches_of_an_ordered_reader_are_dense(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 12)
    for sequence in (4, 5, 9):
        await client.jetstream().delete_msg(intake, sequence)
    spans = []
    async with ordered_feed(client, intake, after=0) as feed:
        async for batch in feed.batches():
            spans.append((batch[0].sequence, batch[-1].sequence, len(batch)))
            if batch[-1].sequence == 12:
                break
    assert spans == [(1, 3, 3), (6, 8, 3), (10, 12, 3)]


async def test_an_ordered_reader_goes_on_when_its_consumer_is_gone(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 500)
    messages: list[Delivery] = []
    async with ordered_feed(client, intake, after=0, batch_max=20) as feed, asyncio.timeout(30):
        async for batch in feed.batches():
            messages += batch
            if len(messages) in (100, 300):
                for consumer in await client.jetstream().consumers_info(intake):
                    await client.jetstream().delete_consumer(intake, str(consumer.name))
            if len(messages) >= 500:
                break
    assert numbers(messages) == list(range(1, 501))


async def test_a_delivery_that_was_lost_on_the_way_is_fetched_again(
    client: Client, streams: StreamSettings, intake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(client, streams, 100)
    arrived = Pull.arrived
    dropped: list[object] = []

    async def lossy(pull: Pull, message: object) -> None:
        if getattr(message, "data", b"") == b"50" and not dropped:
            dropped.append(message)
        else:
            await arrived(pull, message)  # type: ignore[arg-type]  # a Msg

    monkeypatch.setattr(Pull, "arrived", lossy)
    async with ordered_feed(client, intake, after=0, batch_max=30) as feed:
        messages = await read(feed.batches(), 100)
    assert dropped
    assert numbers(messages) == list(range(1, 101))


async def test_no_more_is_asked_for_than_fits(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    await fill(client, streams, 1_000)
    async with ordered_feed(client, intake, after=0, batch_max=10) as feed:
        batches = feed.batches()
        await anext(batches)
        pull = feed._pull

        async def is_full() -> bool:
            return len(pull._buffer) + pull._asked >= 20 and pull._asked == 0

        for _ in range(5):
            await until(is_full)
            assert len(pull._buffer) <= 40
            await anext(batches)


async def test_large_messages_come_in_small_batches(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    subject = streams.subject("intake.demo.some")
    payload = b"x" * (client.max_payload - 1_000)
    assert await send(client, ((subject, {}, payload) for _ in range(30))) == 30
    sizes: list[int] = []
    async with durable_feed(client, durable(intake)) as feed, asyncio.timeout(30):
        async for batch in feed.batches():
            sizes.append(sum(len(message.payload) for message in batch))
            await feed.ack(batch)
            if sum(sizes) == 30 * len(payload):
                break
    assert max(sizes) <= BATCH_BYTES_MAX


async def test_a_message_larger_than_every_bound_is_delivered(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, "max_payload: 8MB")
    await server.start()
    client = await connect(server.url, name="test")
    try:
        streams = StreamSettings()
        await ensure_intake(client, streams)
        large = b"x" * (7 * 1024 * 1024)
        assert len(large) > max(BATCH_BYTES_MAX, REQUEST_BYTES_MAX)
        for payload in (b"1", large, b"3"):
            assert await send(client, [("intake.demo.some", {}, payload)]) == 1
        async with durable_feed(client, durable(streams.intake)) as feed:
            arrived = await read(feed.batches(), 3)
        assert [len(message.payload) for message in arrived] == [1, len(large), 1]
    finally:
        await client.close()
        server.kill()


@pytest.mark.parametrize("kind", ["durable", "ordered"])
async def test_readers_outlive_the_server(tmp_path: Path, kind: str) -> None:
    """Killed and started again on its store, while somebody reads and somebody sends."""
    server = NatsServer(tmp_path)
    await server.start()
    client = await connect(server.url, name="test")
    streams = StreamSettings()
    await ensure_intake(client, streams)
    seen: list[int] = []

    async def note(feed: Feed) -> None:
        async for batch in feed.batches():
            seen.extend(numbers(batch))
            if isinstance(feed, DurableFeed):
                await feed.ack(batch)

    async def take() -> None:
        if kind == "durable":
            async with durable_feed(client, durable(streams.intake, ack_seconds=1)) as feed:
                await note(feed)
        else:
            async with ordered_feed(client, streams.intake, after=0) as reading:
                await note(reading)

    async def is_there() -> bool:
        return client.is_connected and await find_stream(client, streams.intake) is not None

    task = asyncio.create_task(take())
    try:
        await fill(client, streams, 300)
        await until(has(seen, 300))
        server.kill()
        await server.start()
        await until(is_there)
        await fill(client, streams, 300, start=301)
        await until(has(seen, 600))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        server.kill()
    assert set(seen) == set(range(1, 601))
    if kind == "ordered":
        assert seen == list(range(1, 601))


def has(seen: Sequence[int], number: int) -> Callable[[], Awaitable[bool]]:
    async def is_there() -> bool:
        return number in seen

    return is_there


async def test_what_cannot_be_sent_is_named(
    client: Client, streams: StreamSettings, intake: str
) -> None:
    subject = streams.subject("intake.demo.some")
    large = b"x" * (client.max_payload + 1)
    with pytest.raises(NotStored, match="the server takes"):
        await send(client, [(subject, {}, b"1"), (subject, {}, large)])
    with pytest.raises(NotStored, match="no stream"):
        await send(client, [("nowhere.at.all", {}, b"1")])
    assert client.is_connected
