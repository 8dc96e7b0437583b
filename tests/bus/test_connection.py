"""What our client does otherwise than nats-py's: compared with what that does by itself."""

import asyncio
import importlib.util
from typing import Any

import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.errors import ConnectionReconnectingError
from nats.protocol import parser

from relay.connection import Client, connect
from relay.message import Message
from relay.pipe import frames
from services.embedded.addresses import Addresses
from tests.fixtures.waiting import until

HEADER_BLOCKS = [
    b"NATS/1.0\r\nce-id: inv_1-1\r\nce-source: /daybook/demo\r\n\r\n",
    b"NATS/1.0\r\nname:value\r\nspaced:   value  \r\nempty:\r\ncolons: a: b:c\r\n\r\n",
    b"NATS/1.0\r\ntwice: 1\r\ntwice: 2\r\n\r\n",
    b"NATS/1.0\r\nno colon here\r\nk: v\r\n\r\n",
    b"NATS/1.0\r\nnot-utf8: \xff\xfe\r\n\r\n",
    b"NATS/1.0\r\nutf8: Gr\xc3\xbc\xc3\x9fe\r\n\r\n",
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\n\r\n",
    b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n",
]


@pytest.mark.parametrize("block", HEADER_BLOCKS)
async def test_headers_are_read_as_the_library_reads_them(block: bytes) -> None:
    ours = await Client()._process_headers(block)
    assert ours == await NatsClient()._process_headers(block)


ODD_BLOCKS = [
    b"\r\n",
    b"NATS",
    b"NATS/1.0",
    b"NATS/1.0\r\nname: value",
    b"NATS/1.0 \xff\xff\xff \xfe\r\n\r\n",
    b"NATS/1.0 100 \xff\r\nname: value\r\n\r\n",
    b"GARBAGE \xff\x00\r\n: \r\n\r\n",
]


@pytest.mark.parametrize("block", ODD_BLOCKS)
async def test_no_header_block_is_an_error(block: bytes) -> None:
    """Of these the library fails at some, and with that stops reading from the server."""
    ours = await Client()._process_headers(block)
    try:
        theirs = await NatsClient()._process_headers(block)
    except (IndexError, ValueError):
        theirs = None
    assert ours == theirs


FRAMES = [
    b"MSG a.b 1 2\r\n{}\r\n",
    b"MSG a.b 17 $JS.ACK.S.c.1.2.3.4.5 2\r\n{}\r\n",
    b"MSG  a.b\t1  reply \t2\r\n{}\r\n",
    b"HMSG a.b 1 12 14\r\nNATS/1.0\r\n\r\n{}\r\n",
    b"HMSG a.b 1 $JS.ACK.S.c.1.2.3.4.5 12 14\r\nNATS/1.0\r\n\r\n{}\r\n",
    b"PING\r\nMSG a.b 1 0\r\n\r\n+OK\r\n",
]


class Heard:
    """Notes what a parser says."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def _process_msg(self, *message: Any) -> None:
        self.calls.append(message)

    async def _process_ping(self) -> None:
        self.calls.append(())


async def parsed(module: Any, frame: bytes) -> list[tuple[Any, ...]]:
    heard = Heard()
    await module.Parser(heard).parse(frame)
    return heard.calls


def untouched_parser() -> Any:
    """The library's module as it is without us."""
    spec = importlib.util.find_spec("nats.protocol.parser")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("frame", FRAMES)
async def test_frames_are_read_as_the_library_reads_them(frame: bytes) -> None:
    theirs = await parsed(untouched_parser(), frame)
    assert theirs
    assert await parsed(parser, frame) == theirs


@pytest.mark.parametrize("subject", [b"a\x0bb", b"a\x0cb", b"a\x00b", b"\xff\xfe", b"a\xa0\x85b"])
async def test_a_subject_ends_where_the_server_ends_it(subject: bytes) -> None:
    frame = b"MSG %b 1 r.1 2\r\n{}\r\n" % subject
    assert await parsed(parser, frame) == [(1, subject, b"r.1", b"{}", None)]
    frame = b"HMSG %b 1 r.1 12 14\r\nNATS/1.0\r\n\r\n{}\r\n" % subject
    assert await parsed(parser, frame) == [(1, subject, b"r.1", b"{}", b"NATS/1.0\r\n\r\n")]


def test_messages_are_built_as_the_library_builds_them() -> None:
    made = [
        client._build_message(1, "Grüße.b".encode(), b"r.1", b"{}", {"a": "b"})
        for client in (Client(), NatsClient())
    ]
    ours, theirs = [(m.subject, m.reply, m.data, m.headers, m.sid) for m in made]
    assert ours == theirs
    assert Client()._build_message(1, b"a.\xff", b"", b"", None).subject == "a.\\xff"


async def test_the_library_still_has_what_we_override_and_use() -> None:
    for name in ("_process_headers", "_build_message", "_send_command", "_flush_pending"):
        assert callable(getattr(NatsClient, name))


async def test_our_frames_arrive_like_published_messages(client: Client) -> None:
    """HPUB of our own making against `publish()`: the same subject, headers, payload and reply."""
    subscription = await client.subscribe("compared.>")
    lines = "ce-id: inv_1-1\r\nce-source: /daybook/demo\r\n"
    payload = '{"name":"Grüße"}'.encode()
    message = Message(1, "inv_1-1", "compared.a.b", lines, payload)
    await client.send(frames([message], "reply.to", None, 7))
    await client.publish(
        "compared.a.b",
        payload,
        reply="reply.to",
        headers={
            "ce-id": "inv_1-1",
            "ce-source": "/daybook/demo",
            "Nats-Expected-Last-Sequence": "7",
        },
    )
    ours, theirs = [await subscription.next_msg(timeout=10) for _ in range(2)]
    assert (ours.subject, ours.reply, ours.headers, ours.data) == (
        theirs.subject,
        theirs.reply,
        theirs.headers,
        theirs.data,
    )


async def test_a_cancellation_is_not_lost_to_an_answer_that_comes_with_it(client: Client) -> None:
    await client.subscribe("silent")  # somebody who does not answer
    asking = asyncio.create_task(client.request("silent", timeout=20))

    async def is_asked() -> bool:
        return bool(client._resp_map)

    await until(is_asked)
    (answer,) = client._resp_map.values()
    answer.set_result(Msg(_client=client))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_nothing_is_kept_for_a_later_connection(stack: Addresses) -> None:
    client = await connect(stack.nats_url, name="test")
    await client.close()
    with pytest.raises(ConnectionReconnectingError):
        await client.send(b"PUB a 0\r\n\r\n")
