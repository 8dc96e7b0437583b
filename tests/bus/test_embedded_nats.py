"""The embedded bus keeps producers to their own tenant's intake."""

import asyncio
from collections.abc import Awaitable, Callable

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

from contracts.cloudevent import CloudEvent
from relay.connection import Client as OurClient
from relay.inbox import DurableConsumer, durable_feed
from relay.jetstream import StreamSettings, ensure_intake
from relay.producer import send
from relay.reader import ordered_feed
from services.embedded import Addresses
from services.intake.sending import producer
from services.locate import Servers

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


async def test_a_producer_cannot_listen_to_what_our_services_are_delivered(
    stack: Addresses, client: OurClient, streams: StreamSettings, eventually: Eventually
) -> None:
    refusals: list[str] = []
    eavesdropper = await connected(stack.nats_producer_urls["demo"], refusals)
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    for subject in ("_INBOX.>", "_INBOX_demo.>", "_DAYBOOK.>", "_INBOX_other.>", ">"):
        await eavesdropper.subscribe(subject, cb=hear)
    await eavesdropper.flush()
    await eventually(lambda: len(refusals) == 3)

    await ensure_intake(client, streams)
    subject = streams.subject("intake.other.encounter")
    await send(client, [(subject, {}, b"confidential")])
    durable = DurableConsumer(stream=streams.intake, name="taken")
    async with durable_feed(client, durable) as feed:
        (taken,) = await anext(feed.batches())
        assert taken.payload == b"confidential"
        await feed.ack([taken])
    async with ordered_feed(client, streams.intake, after=0) as ordered:
        assert [each.payload for each in await anext(ordered.batches())] == [b"confidential"]

    ours = await nats.connect(stack.nats_url)
    await ours.publish("_INBOX.somebody", b"an answer to somebody of ours")
    await ours.flush()
    # What it may hear, and after all the rest.
    await eavesdropper.publish("intake.demo.nowhere", b"", reply="_INBOX.own")
    await eventually(lambda: bool(heard))
    assert [message.subject for message in heard] == ["_INBOX.own"]
    await ours.close()
    await eavesdropper.close()


async def test_acknowledgements_of_our_own_producers_are_their_tenants_alone(
    stack: Addresses, client: OurClient, eventually: Eventually
) -> None:
    stream = StreamConfig(name="EMBEDDED_INTAKE", subjects=["intake.demo.embedded"])
    await client.jetstream().add_stream(stream)
    servers = Servers(
        postgres_url=stack.postgres_url,
        nats_url=stack.nats_url,
        temporal_address=None,
        nats_producer_urls=stack.nats_producer_urls,
        object_store="file:///nowhere",
    )
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        heard.append(message.subject)

    await client.subscribe("_INBOX_demo.>", cb=hear)
    await client.subscribe("_INBOX.>", cb=hear)
    await client.flush()
    tenants = await connected(stack.nats_producer_urls["demo"], [])
    await tenants.subscribe("_INBOX_demo.>", cb=hear)
    await tenants.flush()
    async with producer(servers, "demo") as sending:
        event = CloudEvent(id="1", source="/clinic", type="embedded", data=b"{}")
        assert await sending.send([event]) == 1
    await eventually(lambda: bool(heard))
    assert all(subject.startswith("_INBOX_demo.") for subject in heard)
    await client.jetstream().delete_stream("EMBEDDED_INTAKE")
    await tenants.close()


@pytest.mark.parametrize("reply", ["billing.demo.0.charge.captured.v1", "intake.other.charge"])
async def test_a_producer_cannot_have_its_acknowledgement_sent_where_it_may_not_publish(
    reply: str, stack: Addresses, client: OurClient
) -> None:
    """In our own account the server would publish it there, and the relay find a forged event."""
    for name, subject in (("EMBEDDED_INTAKE", "intake.demo.embedded"), ("EMBEDDED_ELSE", reply)):
        await client.jetstream().add_stream(StreamConfig(name=name, subjects=[subject]))
    forger = await connected(stack.nats_producer_urls["demo"], [])
    await forger.publish("intake.demo.embedded", b"{}", reply=reply)
    acknowledged = await forger.jetstream().publish("intake.demo.embedded", b"{}")
    assert acknowledged.seq == 2
    elsewhere = await client.jetstream().stream_info("EMBEDDED_ELSE")
    for name in ("EMBEDDED_INTAKE", "EMBEDDED_ELSE"):
        await client.jetstream().delete_stream(name)
    await forger.close()
    assert elsewhere.state.messages == 0
