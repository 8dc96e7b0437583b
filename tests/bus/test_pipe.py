"""Atomic batches: stored in order at the place that was expected, or refused as a whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.errors import ConnectionReconnectingError

from relay.connection import Client, connect
from relay.jetstream import (
    JetStreamError,
    StreamSettings,
    ask,
    ensure_intake,
    ensure_stream,
    events_config,
    find_stream,
    intake_config,
)
from relay.message import Message
from relay.pipe import Pipe, Refused, open_pipe
from tests.fixtures.nats_server import NatsServer
from tests.fixtures.streams import stored


@pytest.fixture
async def pipe(client: Client, streams: StreamSettings) -> AsyncIterator[Pipe]:
    await ensure_intake(client, streams)
    async with open_pipe(client) as pipe:
        yield pipe


def messages(streams: StreamSettings, first: int, count: int) -> list[Message]:
    subject = streams.subject("intake.demo.some")
    return [
        Message(n, f"m-{n}", subject, f"Nats-Msg-Id: m-{n}\r\n", b"%d" % n)
        for n in range(first, first + count)
    ]


async def test_a_batch_is_stored_where_it_is_expected(
    pipe: Pipe, client: Client, streams: StreamSettings
) -> None:
    ack = await (await pipe.send(messages(streams, 1, 3), expected_last=0))
    assert (ack.seq, ack.count, ack.duplicate) == (3, 3, False)
    ack = await (await pipe.send(messages(streams, 4, 1), expected_last=3))
    assert ack.seq == 4
    assert [m.payload for m in await stored(client, streams.intake)] == [b"1", b"2", b"3", b"4"]


async def test_many_batches_may_be_on_their_way(
    pipe: Pipe, client: Client, streams: StreamSettings
) -> None:
    answers = [
        await pipe.send(messages(streams, first, 50), expected_last=first - 1)
        for first in range(1, 500, 50)
    ]
    assert [(await answer).seq for answer in answers] == list(range(50, 501, 50))


@pytest.mark.parametrize("count", [1, 3])
async def test_a_batch_that_is_expected_elsewhere_is_refused(
    pipe: Pipe, client: Client, streams: StreamSettings, count: int
) -> None:
    with pytest.raises(Refused) as caught:
        await (await pipe.send(messages(streams, 1, count), expected_last=7))
    assert caught.value.code == 10071
    assert await stored(client, streams.intake) == []


async def test_behind_a_refused_batch_everything_is_refused(
    pipe: Pipe, client: Client, streams: StreamSettings
) -> None:
    first = await pipe.send(messages(streams, 1, 3), expected_last=7)
    second = await pipe.send(messages(streams, 4, 3), expected_last=10)
    for answer in (first, second):
        with pytest.raises(Refused):
            await answer
    assert await stored(client, streams.intake) == []


async def test_a_repeat_is_answered_with_its_place(
    pipe: Pipe, client: Client, streams: StreamSettings
) -> None:
    await (await pipe.send(messages(streams, 1, 3)))
    ack = await (await pipe.send(messages(streams, 2, 1)))
    assert (ack.seq, ack.duplicate) == (2, True)
    with pytest.raises(Refused) as caught:
        await (await pipe.send(messages(streams, 3, 2)))
    assert caught.value.code == 10201


async def test_a_subject_of_no_stream_is_refused(pipe: Pipe) -> None:
    for count in (1, 2):
        elsewhere = [Message(n, str(n), "nowhere.at.all", "", b"") for n in range(count)]
        with pytest.raises(Refused, match="no stream"):
            await (await pipe.send(elsewhere))


async def test_no_answer_is_waited_for_on_a_broken_connection(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    client = await connect(server.url, name="test")
    try:
        await ensure_intake(client, StreamSettings())
        async with open_pipe(client) as pipe, asyncio.timeout(8):
            subscription = await client.subscribe("mute")
            mute = [Message(1, "1", "mute", "", b"1")]
            answer = await pipe.send(mute)
            await subscription.next_msg(timeout=5)
            server.kill()
            with pytest.raises(ConnectionReconnectingError):
                await answer
    finally:
        server.kill()
        await client.close()


async def test_the_streams_keep_what_their_settings_say(client: Client) -> None:
    settings = StreamSettings(
        prefix=f"kept{id(client)}",
        events_age_seconds_max=3_600,
        events_bytes_max=10_000_000,
        intake_age_seconds_max=0,
        intake_bytes_max=5_000_000,
        duplicate_window_seconds=60,
    )
    for config, discard in ((events_config(settings), "old"), (intake_config(settings), "new")):
        made = await ensure_stream(client, config)
        assert made.config["discard"] == discard
        assert await ensure_stream(client, config) == made
        changed = await ensure_stream(client, config | {"max_bytes": 20_000_000})
        assert changed.config["max_bytes"] == 20_000_000
        await client.jetstream().delete_stream(config["name"])
        assert await find_stream(client, config["name"]) is None


async def test_errors_of_the_api_carry_their_code(client: Client) -> None:
    with pytest.raises(JetStreamError) as caught:
        await ask(client, "STREAM.PURGE.NONE", answer=dict)
    assert caught.value.code == 10059
