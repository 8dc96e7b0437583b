"""The embedded bus keeps producers to their own tenant's intake."""

import asyncio
from collections.abc import Awaitable, Callable

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig

from services.embedded import Addresses

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def connected(url: str, refusals: list[str]) -> Client:
    async def refused(fault: Exception) -> None:
        refusals.append(str(fault))

    return await nats.connect(url, error_cb=refused, inbox_prefix="_INBOX")


async def test_a_producer_publishes_on_its_own_intake_and_gets_the_acknowledgement(
    stack: Addresses,
) -> None:
    ours = await connected(stack.nats_url, [])
    stream = StreamConfig(name="EMBEDDED_INTAKE", subjects=["intake.demo.embedded"])
    await ours.jetstream().add_stream(stream)
    refusals: list[str] = []
    producer = await connected(stack.nats_producer_urls["demo"], refusals)
    acknowledged = await producer.jetstream().publish("intake.demo.embedded", b"charge")
    assert (acknowledged.stream, acknowledged.seq, refusals) == ("EMBEDDED_INTAKE", 1, [])
    await ours.jetstream().delete_stream("EMBEDDED_INTAKE")
    await producer.close()
    await ours.close()


@pytest.mark.parametrize(
    "subject", ["intake.other.charge", "billing.demo.0.charge.captured.v1", "$JS.API.STREAM.NAMES"]
)
async def test_a_producer_cannot_publish_anything_else(
    stack: Addresses, subject: str, eventually: Eventually
) -> None:
    refusals: list[str] = []
    producer = await connected(stack.nats_producer_urls["demo"], refusals)
    await producer.publish(subject, b"forged")
    await producer.flush()
    await eventually(lambda: bool(refusals))
    assert "permissions violation for publish" in refusals[0].lower()
    await producer.close()


async def test_a_producer_cannot_listen_to_events(stack: Addresses, eventually: Eventually) -> None:
    refusals: list[str] = []
    producer = await connected(stack.nats_producer_urls["demo"], refusals)
    await producer.subscribe("billing.>")
    await producer.flush()
    await eventually(lambda: bool(refusals))
    assert "permissions violation for subscription" in refusals[0].lower()
    await producer.close()


async def test_nobody_enters_without_a_password(stack: Addresses) -> None:
    host, port = stack.nats_url.split("@")[1].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    assert (await reader.readline()).startswith(b"INFO")
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    assert await reader.readline() == b"-ERR 'Authorization Violation'\r\n"
    writer.close()
    await writer.wait_closed()
