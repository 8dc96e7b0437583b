"""Sending to a stream that is not ours to number: the intake, from files and from tests.

No `Nats-Msg-Id` is set: the intake knows repeats for ever, by tenant, source and id, where the
window of JetStream would drop the message of another source that has the same id.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from nats import errors

from relay.connection import Client
from relay.message import BATCH_HEADERS_BYTES_MAX, Message
from relay.pipe import Ack, Pipe, Refused, open_pipe

BATCH_MESSAGES: Final = 250
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
BATCHES_IN_FLIGHT: Final = 4
ACK_SECONDS_MAX: Final = 10.0

Outgoing: TypeAlias = tuple[str, Mapping[str, str], bytes]
"""Subject, headers whose values are fit to stand in a header, and payload."""


class NotStored(Exception):
    """The stream did not take a batch, or did not say so. Sending it again does no harm: what was
    stored after all is a repeat for the intake."""


class _Sent(NamedTuple):
    messages: int
    first: str
    answer: asyncio.Future[Ack]


def too_large(client: Client, outgoing: Outgoing) -> str | None:
    """Why the server would not take a message for its size; None when it does."""
    size, size_max = _message(outgoing).size, _size_max(client)
    return f"{size} bytes, the server takes {size_max}" if size > size_max else None


async def send(client: Client, messages: Iterable[Outgoing]) -> int:
    """Store messages in their order, a few batches at a time; returns how many were stored.

    Raises NotStored; batches before that one are stored.
    """
    stored = 0
    flying: deque[_Sent] = deque()
    async with open_pipe(client) as pipe:
        for batch in _batches(messages, _size_max(client)):
            if len(flying) >= BATCHES_IN_FLIGHT:
                stored += await _stored(flying.popleft())
            flying.append(await _start(pipe, batch))
        while flying:
            stored += await _stored(flying.popleft())
    return stored


async def _start(pipe: Pipe, batch: list[Message]) -> _Sent:
    try:
        return _Sent(len(batch), batch[0].subject, await pipe.send(batch))
    except errors.Error as error:
        raise NotStored(f"{len(batch)} messages from {batch[0].subject} on: {error}") from error


async def _stored(sent: _Sent) -> int:
    try:
        async with asyncio.timeout(ACK_SECONDS_MAX):
            await sent.answer
    except (Refused, errors.Error, TimeoutError) as error:
        reason = str(error) or f"no answer within {ACK_SECONDS_MAX} s; may we publish there?"
        raise NotStored(f"{sent.messages} messages from {sent.first} on: {reason}") from error
    return sent.messages


def _batches(messages: Iterable[Outgoing], size_max: int) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in map(_message, messages):
        if message.size > size_max:
            raise NotStored(f"{message.subject}: {message.size} bytes, the server takes {size_max}")
        if batch and (len(batch) == BATCH_MESSAGES or size + message.size > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def _message(outgoing: Outgoing) -> Message:
    subject, headers, payload = outgoing
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Message(0, "", subject, lines, payload)


def _size_max(client: Client) -> int:
    return client.max_payload - BATCH_HEADERS_BYTES_MAX
