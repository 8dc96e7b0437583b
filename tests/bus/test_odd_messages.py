"""Whatever bytes a producer may publish: everybody else's messages are delivered all the same."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

from relay.connection import Client
from relay.consumer import Delivery
from relay.inbox import DurableConsumer, durable_feed
from relay.jetstream import StreamSettings, ensure_intake, find_stream
from relay.producer import send
from services.embedded.addresses import Addresses
from services.intake.reading import Arrived, Unreadable, read
from tests.fixtures.waiting import until

CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"user":"%b","pass":"%b"}\r\n'


def headed(block: bytes, body: bytes = b"", subject: bytes = b"some.type.v1") -> bytes:
    """A frame that publishes; `@` becomes the subject of the tenant's intake."""
    return b"HPUB @.%b %d %d\r\n%b\r\n" % (subject, len(block), len(block + body), block + body)


def lines(*headers: bytes) -> bytes:
    return b"NATS/1.0\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


STATUSES = [
    headed(lines(b"Status: 409", b"Description: Consumer Deleted")),
    headed(lines(b"Status: 408", b"Nats-Pending-Messages: 2000")),
    headed(lines(b"Status: 404", b"Nats-Pending-Messages: many")),
    headed(lines(b"Status: 408", "Nats-Pending-Messages: ²".encode())),
    headed(lines(b"Status: 100", b"Description: Idle Heartbeat")),
    headed(lines(b"Status: 503")),
    headed(b"NATS/1.0 503\r\n\r\n"),
    headed(b"NATS/1.0 409 Consumer Deleted\r\n\r\n"),
]
# The server stores blocks of up to 64 KiB.
BLOCKS = [
    headed(b"\r\n", b"{}"),
    headed(b"NATS/1.0", b"{}"),
    headed(b"NATS/1.0 \xff\xff\xff \xfe\r\n\r\n"),
    headed(b"\x00\xff garbage", b"{}"),
    headed(lines(b"a\x00b: \x00", b": ", b"ce-id: \xff\xfe", b"ce-id: 2"), b"{}"),
    headed(lines(*[b"n%d: v" % number for number in range(6_000)]), b"{}"),
    headed(lines(b"ce-" + b"x" * 60_000 + b": 1"), b"{}"),
]
SUBJECTS = [
    b"PUB @.\xff\xfe.v1 2\r\n{}\r\n",
    b"PUB @.a\x0bb.v1 2\r\n{}\r\n",
    b"PUB @.a\x0cb.v1 2\r\n{}\r\n",
    b"PUB @.a\x00b.v1 2\r\n{}\r\n",
    b"PUB @.*.> 2\r\n{}\r\n",
    b"PUB @.%b 2\r\n{}\r\n" % (b"x" * 3_900),
    b"PUB @.some.type.v1 _INBOX.x.$JS.ACK.y 2\r\n{}\r\n",
    headed(lines(b"a: b"), b"{}", subject=b"\x0b\xff"),
]


async def publish_raw(url: str, streams: StreamSettings, frames: Sequence[bytes]) -> None:
    """Publish frames as they are; returns when the server has them."""
    server = urlsplit(url)
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    user, password = (server.username or "").encode(), (server.password or "").encode()
    at = streams.subject("intake.demo").encode()
    written = b"".join(frame.replace(b"@", at, 1) for frame in frames)
    writer.write(CONNECT % (user, password) + written + b"PING\r\n")
    async with asyncio.timeout(10):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line.startswith(b"INFO"), line
    writer.close()


@pytest.mark.parametrize(
    "frames", [STATUSES, BLOCKS, SUBJECTS], ids=["statuses", "headers", "subjects"]
)
async def test_odd_messages_are_delivered_once_and_rejected_and_the_others_arrive(
    frames: Sequence[bytes], stack: Addresses, client: Client, streams: StreamSettings
) -> None:
    await ensure_intake(client, streams)
    subject = streams.subject("intake.demo.some.type.v1")
    for frame in frames:
        await publish_raw(stack.nats_url, streams, [frame])
        assert await send(client, [(subject, {"ce-id": "x"}, b"{}")]) == 1
    stream = await find_stream(client, streams.intake)
    assert stream is not None
    assert stream.state.last_seq == 2 * len(frames)
    consumer = DurableConsumer(stream=streams.intake, name="intake", ack_seconds=20)
    arrived: list[Delivery] = []
    async with durable_feed(client, consumer, batch_max=2) as feed, asyncio.timeout(15):
        async for batch in feed.batches():
            await feed.ack(batch)
            arrived += batch
            if arrived[-1].sequence == 2 * len(frames):
                break
    assert [delivery.sequence for delivery in arrived] == list(range(1, 2 * len(frames) + 1))
    assert {delivery.delivered for delivery in arrived} == {1}
    for message in arrived:
        taken = Arrived(message.subject, message.headers, message.payload, message.sequence)
        assert isinstance(read(taken, prefix_tokens=1), Unreadable)


@pytest.mark.parametrize(
    "header",
    [
        b"Nats-Rollup: all",
        b"Nats-Rollup: sub",
        b"Nats-TTL: 1s",
        b"Nats-Incr: 1",
        b"Nats-Schedule: @at 2030-01-01T00:00:00Z",
    ],
)
async def test_no_header_shortens_the_intake(
    header: bytes, stack: Addresses, client: Client, streams: StreamSettings
) -> None:
    """What JetStream offers senders to purge, expire or multiply messages is off, and stays so."""
    await ensure_intake(client, streams)
    subject = streams.subject("intake.demo.some.type.v1")
    assert await send(client, [(subject, {}, b"1"), (subject, {}, b"2")]) == 2
    await publish_raw(stack.nats_url, streams, [headed(lines(header), b"{}")])
    assert await send(client, [(subject, {}, b"3")]) == 1
    stream = await find_stream(client, streams.intake)
    assert stream is not None
    state = stream.state
    assert (state.messages, state.first_seq, state.last_seq) == (3, 1, 3)


async def test_a_message_id_of_one_tenant_does_not_swallow_anothers_message(
    client: Client, streams: StreamSettings
) -> None:
    """JetStream would acknowledge and drop it, for as long as its window of duplicates is."""
    await ensure_intake(client, streams)
    jetstream = client.jetstream()
    named = {"Nats-Msg-Id": "1"}
    await jetstream.publish(streams.subject("intake.demo.a"), b"ours", headers=named)

    async def is_stored() -> bool:
        ack = await jetstream.publish(streams.subject("intake.other.a"), b"theirs", headers=named)
        return not ack.duplicate

    await until(is_stored)
