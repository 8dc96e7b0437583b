"""Consumers of JetStream: creating them, and what they deliver."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from nats import errors
from nats.aio.msg import Msg

from relay.connection import Client
from relay.jetstream import JetStreamError, ask

BATCH_MAX: Final = 500
BUFFERED_BATCHES: Final = 4
WAIT_SECONDS: Final = 0.02
NANOSECONDS: Final = 1_000_000_000
RETRY_SECONDS_MIN: Final = 0.05
RETRY_SECONDS_MAX: Final = 5.0
_CONSUMER_NOT_FOUND: Final = 10014

_log = structlog.get_logger()


class Delivery(NamedTuple):
    """A message of a stream."""

    sequence: int
    """Its place in the stream; of the stream of events, the position."""
    subject: str
    headers: Mapping[str, str]
    payload: bytes
    reply: str
    """Where it is acknowledged."""
    delivered: int
    """How many times, this one included."""


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer of the server."""

    name: str
    config: dict[str, Any]


class _Progress(msgspec.Struct, frozen=True, kw_only=True):
    num_pending: int
    num_ack_pending: int


def delivery_of(message: Msg) -> Delivery:
    """What came, with its place in the stream."""
    tokens = message.reply.split(".")
    # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, with
    # domain and account before the stream when there are more.
    at = 4 if len(tokens) == 9 else 6
    return Delivery(
        int(tokens[at + 1]),
        message.subject,
        message.headers or {},
        message.data,
        message.reply,
        int(tokens[at]),
    )


def consumer_sequence(message: Msg) -> int:
    """Which of the consumer's deliveries it is, from 1."""
    tokens = message.reply.split(".")
    return int(tokens[6 if len(tokens) == 9 else 8])


async def find_consumer(client: Client, stream: str, name: str) -> Consumer | None:
    """The consumer, or None when the stream has none of that name; raises JetStreamError."""
    try:
        return await ask(client, f"CONSUMER.INFO.{stream}.{name}", answer=Consumer)
    except JetStreamError as error:
        if error.code == _CONSUMER_NOT_FOUND:
            return None
        raise


async def pending_of(client: Client, stream: str, name: str) -> int | None:
    """How many messages a durable consumer has still to settle, None where there is no such one;
    the server counts some time after it acknowledged a message to its producer.

    Raises JetStreamError.
    """
    try:
        found = await ask(client, f"CONSUMER.INFO.{stream}.{name}", answer=_Progress)
    except JetStreamError as error:
        if error.code == _CONSUMER_NOT_FOUND:
            return None
        raise
    return found.num_pending + found.num_ack_pending


async def create_consumer(client: Client, stream: str, config: Mapping[str, Any]) -> Consumer:
    """Create a consumer, or change the durable one of that name."""
    name = config.get("durable_name")
    operation = f"CONSUMER.CREATE.{stream}.{name}" if name else f"CONSUMER.CREATE.{stream}"
    request = {"stream_name": stream, "config": config}
    return await ask(client, operation, request, answer=Consumer)


async def until_it_works(attempt: Callable[[], Awaitable[None]], what: str) -> None:
    """Try for ever: the stream may not be there yet, or JetStream may be away."""
    pause = RETRY_SECONDS_MIN
    while True:
        try:
            return await attempt()
        except (errors.Error, JetStreamError) as error:
            _log.warning("no consumer yet", consumer=what, error=repr(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, RETRY_SECONDS_MAX)
