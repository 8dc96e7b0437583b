"""Publishing to JetStream in atomic batches, many in flight, each answered or timed out.

A batch (ADR-50 of nats-architecture-and-design) is stored as a whole or not at all, and flushed to
disk once: with `sync_interval: always` that is ten times the throughput of single messages.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from nats.aio.msg import Msg
from nats.errors import ConnectionReconnectingError

from relay.connection import Client
from relay.message import Message

BATCH_MESSAGES_MAX: Final = 1_000  # the server's limit
NO_STREAM: Final = 503


class Refused(Exception):
    """JetStream's answer is an error; nothing of the batch was stored."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """JetStream's answer: the last message's sequence, and whether it had that one already."""

    seq: int = 0
    duplicate: bool = False
    count: int = 1


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(Ack, frozen=True, kw_only=True):
    error: _Error | None = None


_decode: Final = msgspec.json.Decoder(_Answer).decode


@asynccontextmanager
async def open_pipe(client: Client) -> AsyncIterator["Pipe"]:
    """A pipe with an inbox of its own for the answers."""
    pipe = Pipe(client)
    subscription = await client.subscribe(f"{pipe.inbox}.*", cb=pipe.answered)
    client.when_disconnected.add(pipe.disconnected)
    try:
        yield pipe
    finally:
        client.when_disconnected.discard(pipe.disconnected)
        pipe.forget()
        if not client.is_closed:
            await subscription.unsubscribe()


class Pipe:
    """Sends batches and matches the answers; see `open_pipe`."""

    def __init__(self, client: Client) -> None:
        self.inbox = client.new_inbox()
        self._client = client
        self._tokens = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Ack]] = {}
        # A server that still has half a batch of another pipe must not take ours for the rest.
        self._batch_prefix = secrets.token_hex(5)

    async def send(
        self, messages: Sequence[Message], *, expected_last: int | None = None
    ) -> asyncio.Future[Ack]:
        """Put messages on their way as one batch; the future has the answer, or raises Refused.

        With `expected_last` they are stored only if that is the last sequence of the stream.
        Raises ConnectionReconnectingError while there is no connection, and so does the future when
        it breaks before the answer.
        """
        token = str(next(self._tokens))
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        # Behind a refused batch the next one is refused too, and nobody asks for its answer.
        answer.add_done_callback(_retrieve)
        reply = f"{self.inbox}.{token}"
        batch = f"{self._batch_prefix}-{token}" if len(messages) > 1 else None
        await self._client.send(frames(messages, reply, batch, expected_last))
        return answer

    def forget(self) -> None:
        """Expect no more answers to what was sent."""
        for answer in self._waiting.values():
            answer.cancel()
        self._waiting.clear()

    def disconnected(self) -> None:
        """What was sent may have been stored or not, and no answer will tell."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionReconnectingError())
        self._waiting.clear()

    async def answered(self, message: Msg) -> None:
        """Take an answer from the inbox."""
        answer = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if answer is None or answer.done():
            return
        if not message.data:
            answer.set_exception(Refused(NO_STREAM, "no stream takes the subject"))
            return
        decoded = _decode(message.data)
        if decoded.error is None:
            answer.set_result(decoded)
        else:
            code = decoded.error.err_code or decoded.error.code
            answer.set_exception(Refused(code, decoded.error.description))


def _retrieve(answer: asyncio.Future[Ack]) -> None:
    if not answer.cancelled():
        answer.exception()


def frames(
    messages: Sequence[Message], reply: str, batch: str | None, expected_last: int | None
) -> bytes:
    """The HPUB frames of a batch, or of a single message; the last one asks for the answer."""
    parts = []
    last = len(messages)
    for number, message in enumerate(messages, 1):
        extra = (
            "" if batch is None else f"Nats-Batch-Id: {batch}\r\nNats-Batch-Sequence: {number}\r\n"
        )
        if number == 1 and expected_last is not None:
            extra += f"Nats-Expected-Last-Sequence: {expected_last}\r\n"
        reply_to = ""
        if number == last:
            reply_to = f"{reply} "
            if batch is not None:
                extra += "Nats-Batch-Commit: 1\r\n"
        head = f"NATS/1.0\r\n{message.headers}{extra}\r\n"
        total = len(head) + len(message.body)
        command = f"HPUB {message.subject} {reply_to}{len(head)} {total}\r\n{head}"
        parts.append(command.encode("ascii"))
        parts.append(message.body)
        parts.append(b"\r\n")
    return b"".join(parts)
