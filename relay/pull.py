"""A continuous pull from one consumer of JetStream: the next request goes out at half of the last.

The client's own `fetch` makes a task and a timer for each message, and takes a consumer that was
deleted for one that is idle. Here every answer that is no message has a meaning, and silence too:
the server is told to send heartbeats.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog
from nats.aio.msg import Msg

from relay.connection import Client

HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS_MAX: Final = 3.0
REQUEST_SECONDS: Final = 30.0
# With two requests out, what is buffered stays below three times this.
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
# What is made of a batch takes several times its bytes.
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
# Beside headers and payload the server counts the subject and the reply, a control line at most.
_LINE_BYTES_MAX: Final = 8 * 1024
_NANOSECONDS: Final = 1_000_000_000
_MESSAGE: Final = "$JS.ACK."
_STATUS: Final = "Status"
_HEARTBEAT: Final = "100"
# The request has ended as it should, after its time or its messages or its bytes.
_ENDED: Final = {"404", "408"}
_ENDED_409: Final = ("Batch Completed", "Message Size Exceeds MaxBytes")

_log = structlog.get_logger()


class ConsumerLost(Exception):
    """The consumer does not answer or is gone, with its stream perhaps: have it created again."""


@asynccontextmanager
async def open_pull(client: Client, messages_max: int) -> AsyncIterator["Pull"]:
    """A pull that holds at most so many messages, asked for and not yet taken."""
    pull = Pull(client, messages_max)
    subscription = await client.subscribe(pull.inbox, cb=pull.arrived)
    try:
        yield pull
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


class Pull:
    """See `open_pull`; `use` names the consumer, and again after ConsumerLost."""

    def __init__(self, client: Client, messages_max: int) -> None:
        self.inbox = client.new_inbox()
        self._client = client
        self._messages_max = messages_max
        self._buffer: deque[Msg] = deque()
        self._asked = 0
        self._lost: str | None = None
        self._stream = self._consumer = ""
        self._some = asyncio.Event()
        self._heard_at = 0.0
        self._connection = 0

    async def use(self, stream: str, consumer: str) -> None:
        """Pull from this consumer from now on; what is buffered of another one is dropped."""
        if consumer != self._consumer:
            self._buffer.clear()
        self._stream, self._consumer = stream, consumer
        self._lost = None
        await self._ask_anew()

    async def take(self, count_max: int, wait_seconds: float) -> list[Msg]:
        """At least one message, waiting for it for ever; for more of them only so long, and no
        more than BATCH_BYTES_MAX of them unless it is one.

        Raises ConsumerLost.
        """
        while not self._buffer:
            await self._wait(SILENCE_SECONDS_MAX)
            await self._look()
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        while len(self._buffer) < count_max and (left := until - loop.time()) > 0:
            await self._wait(left)
        taken = self._cut(count_max)
        await self._ask()
        return taken

    async def arrived(self, message: Msg) -> None:
        """Take a message or a status from the inbox."""
        self._heard_at = asyncio.get_running_loop().time()
        # A message comes with a place to acknowledge it, a status never does: whoever may publish
        # may set the headers of one.
        if f".{self._consumer}." in message.reply:  # not of the consumer before this one
            self._asked = max(0, self._asked - 1)
            self._buffer.append(message)
        elif not message.reply.startswith(_MESSAGE) and _STATUS in (message.headers or {}):
            self._note(message.headers or {})
        self._some.set()

    def _cut(self, count_max: int) -> list[Msg]:
        taken: list[Msg] = []
        buffer, room = self._buffer, BATCH_BYTES_MAX
        while buffer and len(taken) < count_max:
            room -= len(buffer[0].data)
            if room < 0 and taken:
                break
            taken.append(buffer.popleft())
        return taken

    def _note(self, headers: dict[str, str]) -> None:
        status, text = headers[_STATUS], headers.get("Description", "")
        if status == _HEARTBEAT:
            return
        if status in _ENDED or text.startswith(_ENDED_409):
            pending = headers.get("Nats-Pending-Messages", "")
            self._asked = max(0, self._asked - (int(pending) if pending.isdecimal() else 0))
            return
        # The consumer or its stream was deleted, the leader changed, the server goes down, or
        # nobody answers: whatever was asked for does not come.
        _log.warning("pull ended", consumer=self._consumer, status=status, text=text)
        self._asked = 0
        self._lost = f"{status} {text}"

    async def _wait(self, seconds: float) -> None:
        self._some.clear()
        await self._ask()
        try:
            async with asyncio.timeout(seconds):
                await self._some.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        """Whether the consumer is still there."""
        if self._buffer:
            return
        if self._lost is not None:
            raise ConsumerLost(f"{self._consumer}: {self._lost}")
        if not self._client.is_connected:
            return
        if self._client.stats["reconnects"] != self._connection:
            await self._ask_anew()  # requests end with the connection they were made on
        elif asyncio.get_running_loop().time() - self._heard_at > SILENCE_SECONDS_MAX:
            raise ConsumerLost(f"{self._consumer}: not even a heartbeat")

    async def _ask_anew(self) -> None:
        self._asked = 0
        self._heard_at = asyncio.get_running_loop().time()
        self._connection = self._client.stats["reconnects"]
        await self._ask()

    async def _ask(self) -> None:
        room = self._messages_max - self._asked - len(self._buffer)
        if room * 2 < self._messages_max or not self._client.is_connected or self._lost is not None:
            return
        self._asked += room
        request = {
            "batch": room,
            # One that does not fit would never be delivered.
            "max_bytes": max(REQUEST_BYTES_MAX, self._client.max_payload + _LINE_BYTES_MAX),
            "expires": int(REQUEST_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
            msgspec.json.encode(request),
            reply=self.inbox,
        )
