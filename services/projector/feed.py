"""One reader of the log for all projections of a process: from the stream, else from Postgres.

Every event is decoded once. A projection that does not keep up for a moment is waited for; one that
does not for longer misses batches and reads them from Postgres, and holds nobody up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from projections.follow import AWAY
from projections.log import BATCH_BYTES_MAX, head, replay
from projections.recorded import Recorded, decoded
from projections.statements import AnyPool
from relay.database import raise_if_cancelled
from services.projector.mailbox import Batch, Mailbox

# How long the feed waits for a projection before that one is on its own.
PATIENCE_SECONDS: Final = 1.0
# Projections of a process start together: one that came a moment late would read all by itself.
GATHER_SECONDS: Final = 0.25
# How long an event may be in the log and not have come on the stream.
STREAM_LATE_SECONDS: Final = 1.0
# A stream that is back counts as soon as it is so near to what Postgres gave.
NEAR_EVENTS: Final = 1_000
# How often the log is asked for news while the stream brings none.
POLL_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
_SOURCE: Final = len("/daybook/")

_log = structlog.get_logger()


class Delivery(Protocol):
    """A message of the stream of events; its sequence is its position."""

    @property
    def sequence(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def payload(self) -> bytes: ...


class Stream(Protocol):
    """An open stream."""

    def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        """Batches for ever, in order as far as the stream is."""
        ...


OpenStream = Callable[[int], AbstractAsyncContextManager[Stream]]
"""Opens the stream behind a position."""


def recorded_of(delivery: Delivery) -> Recorded:
    """The event of a message: the headers name it, the payload is its stored body."""
    headers = delivery.headers
    stream_id, _, version = headers["ce-id"].rpartition("-")
    type_ = headers["ce-type"]
    return Recorded(
        delivery.sequence,
        headers["ce-source"][_SOURCE:],
        stream_id,
        int(version),
        headers["ce-partitionkey"],
        type_,
        datetime.fromisoformat(headers["ce-time"]),
        decoded(type_, delivery.payload),
    )


class Feed:
    """Reads while somebody subscribes, from the position of the furthest of them."""

    def __init__(self, pool: AnyPool, open_stream: OpenStream | None) -> None:
        self._pool = pool
        self._open_stream = open_stream
        self._mailboxes: set[Mailbox] = set()
        self._position = 0
        self._restart = asyncio.Event()
        self._handing = asyncio.Lock()
        self._pressed = False  # somebody was waited for: the stream is late for that reason
        self._silent = open_stream is None  # nothing new comes on the stream

    @property
    def position(self) -> int:
        """How far the log was read."""
        return self._position

    @contextmanager
    def subscribed(self, checkpoint: int) -> Iterator[Mailbox]:
        """A mailbox that gets what follows; what lies before it a projection reads by itself."""
        mailbox = Mailbox()
        if checkpoint > self._position or not self._mailboxes:
            self._position = checkpoint
            self._restart.set()
        self._mailboxes.add(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes.discard(mailbox)
            mailbox.close()

    async def run(self) -> None:
        """Read for ever. A stream or a Postgres that is away is reported and tried again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_log())
            if self._open_stream is not None:
                tasks.create_task(self._read_stream(self._open_stream))

    async def _read_stream(self, open_stream: OpenStream) -> None:
        while True:
            await self._restart.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._restart.clear()
            try:
                async with open_stream(self._position) as stream:
                    await _until(self._restart, self._pump(stream))
            except Exception as error:
                raise_if_cancelled(error)
                # Whatever it is, the log in Postgres has it all, and the next try may work.
                _log.warning("stream lost", position=self._position, error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._restart.set()

    async def _pump(self, stream: Stream) -> None:
        async for deliveries in stream.batches():
            if not self._mailboxes:
                return
            if deliveries[-1].sequence > self._position - NEAR_EVENTS:
                self._silent = False
            new = [delivery for delivery in deliveries if delivery.sequence > self._position]
            if new:
                size = sum(len(delivery.payload) for delivery in new)
                await self._hand(Batch(events=[recorded_of(item) for item in new], size=size))

    async def _watch_log(self) -> None:
        """Read Postgres when the log has had events for a while that the stream did not bring."""
        end_before = 0
        while True:
            await asyncio.sleep(POLL_SECONDS if self._silent else STREAM_LATE_SECONDS)
            if not self._mailboxes:
                continue
            try:
                async with self._pool.acquire() as connection:
                    end = await head(connection)
                pressed, self._pressed = self._pressed, False
                if self._position < (end if self._silent else end_before) and not pressed:
                    await self._read_postgres(end)
            except AWAY as error:
                raise_if_cancelled(error)
                _log.warning("log not readable", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                end_before = end

    async def _read_postgres(self, until: int) -> None:
        if not self._silent:
            _log.warning("stream is late: reading Postgres", position=self._position, until=until)
        self._silent = True
        async for events in replay(self._pool, self._position, until):
            await self._hand(Batch(events=events, size=BATCH_BYTES_MAX))

    async def _hand(self, batch: Batch) -> None:
        async with self._handing:
            full = [mailbox for mailbox in self._mailboxes if not mailbox.offer(batch)]
            deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
            for mailbox in full:
                if not mailbox.behind:
                    self._pressed = True
                    await _offer_until(deadline, mailbox, batch)
            self._position = max(self._position, batch.events[-1].position)


async def _offer_until(deadline: float, mailbox: Mailbox, batch: Batch) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            while not mailbox.offer(batch):
                await mailbox.room()
    except TimeoutError:
        mailbox.behind = True


async def _until(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or the event is set; raises what it raises."""
    working, set_ = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, set_}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, set_):
            task.cancel()
        await asyncio.wait({working, set_})
