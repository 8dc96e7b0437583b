"""Reads what the stream of events retains by sequence, without a consumer that the server keeps.

Uses the batched direct get of ADR-31 of nats-architecture-and-design (server 2.11 and later).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec
from nats.aio.msg import Msg

from relay.connection import Client
from relay.jetstream import API_SECONDS_MAX, JetStreamError, StreamSettings, ask, find_stream

BATCH_MESSAGES_MAX: Final = 1_000
_END: Final = "204"
_NOT_FOUND: Final = "404"
_NO_MESSAGE: Final = 10037


class Retained(NamedTuple):
    """A message as the stream holds it."""

    sequence: int
    subject: str
    headers: Mapping[str, str]
    payload: bytes


class Bounds(NamedTuple):
    """The first and the last sequence of a stream; `first` is `last + 1` when it holds nothing."""

    first: int
    last: int


class _Found(msgspec.Struct, frozen=True):
    pass


@asynccontextmanager
async def open_retained(
    client: Client, settings: StreamSettings
) -> AsyncIterator["RetainedStream"]:
    """The stream of events of some settings, to be read only."""
    stream = RetainedStream(client, settings)
    subscription = await client.subscribe(stream.inbox, cb=stream.arrived)
    try:
        yield stream
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


class RetainedStream:
    """See `open_retained`; one read at a time."""

    def __init__(self, client: Client, settings: StreamSettings) -> None:
        self.name = settings.events
        self.inbox = client.new_inbox()
        self._client = client
        self._settings = settings
        self._batch: list[Msg] = []
        self._end: asyncio.Future[str] | None = None

    def subject(self, subject: str) -> str:
        """A subject of the specification as it is called in this stream."""
        return self._settings.subject(subject)

    async def bounds(self) -> Bounds | None:
        """What the stream holds now; None when there is no stream."""
        stream = await find_stream(self._client, self.name)
        if stream is None:
            return None
        return Bounds(stream.state.first_seq, stream.state.last_seq)

    async def holds(self, sequence: int) -> bool:
        """Whether the stream's leader has a message; the replica that answers `read` may lag."""
        operation = f"STREAM.MSG.GET.{self.name}"
        try:
            await ask(self._client, operation, {"seq": sequence}, answer=_Found)
        except JetStreamError as error:
            if error.code == _NO_MESSAGE:
                return False
            raise
        return True

    async def read(self, first: int, last: int) -> list[Retained]:
        """The messages from one sequence to another, as far as the stream has them.

        Raises JetStreamError, TimeoutError, and nats.errors.Error when the server is away.
        """
        found: list[Retained] = []
        while first <= last:
            batch = await self._read(first, min(BATCH_MESSAGES_MAX, last - first + 1))
            found += [message for message in batch if message.sequence <= last]
            if not batch:
                return found
            first = batch[-1].sequence + 1
        return found

    async def arrived(self, message: Msg) -> None:
        """Take a message or the end of a batch from the inbox."""
        status = message.headers.get("Status") if message.headers else None
        if status is None:
            self._batch.append(message)
        elif self._end is not None and not self._end.done():
            self._end.set_result(status)

    async def _read(self, first: int, count: int) -> list[Retained]:
        self._batch.clear()
        self._end = asyncio.get_running_loop().create_future()
        request = msgspec.json.encode({"seq": first, "batch": count})
        operation = f"$JS.API.DIRECT.GET.{self.name}"
        await self._client.publish(operation, request, reply=self.inbox)
        async with asyncio.timeout(API_SECONDS_MAX):
            status = await self._end
        if status not in (_END, _NOT_FOUND):
            raise JetStreamError(int(status), f"the batch from {first} on was not answered")
        return [_retained(message) for message in self._batch]


def _retained(message: Msg) -> Retained:
    headers = message.headers or {}
    sequence, subject = int(headers["Nats-Sequence"]), headers["Nats-Subject"]
    return Retained(sequence, subject, headers, message.data)
