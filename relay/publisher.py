"""The publisher: one leader copies the log to the stream, where stream sequence = position.

Each batch says what the last sequence must be, so whatever was lost, doubled or sent by a leader
of the past is refused instead of stored; then the stream is asked where it ends and publishing
goes on from there. Nothing is skipped: what cannot be published stops everything behind it.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Final, NamedTuple, NoReturn

import asyncpg
import structlog
from nats import errors
from opentelemetry.trace import Span, SpanKind

from contracts.ids import event_id
from relay import metrics, spans
from relay.connection import Client
from relay.database import Connection, listening
from relay.jetstream import JetStreamError, StreamSettings, find_stream
from relay.lease import Lease, LeaseLost, fence_session
from relay.message import Message, Messages, NoMessage, traceparent_of
from relay.outbox import Ahead, open_ahead, record_progress
from relay.pipe import NO_STREAM, Ack, Pipe, Refused, open_pipe
from relay.stream import Cooldown, find_loss, last_position, settle

EVENTS_PER_BATCH: Final = 500
BATCHES_IN_FLIGHT: Final = 2
ACK_SECONDS_MAX: Final = 10.0
INSPECT_SECONDS: Final = 1.0
POLL_SECONDS_MIN: Final = 0.002
POLL_SECONDS_MAX: Final = 0.2
RETRY_SECONDS_MIN: Final = 0.02
RETRY_SECONDS_MAX: Final = 5.0

WRONG_LAST_SEQUENCE: Final = 10071
DUPLICATE_IN_BATCH: Final = 10201
# Where the stream ends is not what we thought. Any other code is about one of the messages.
_OUT_OF_STEP: Final = {WRONG_LAST_SEQUENCE, NO_STREAM}

_log = structlog.get_logger()


class Unpublishable(Exception):
    """An event that JetStream does not take; everything behind it waits until it does."""

    def __init__(self, position: int, event: str, code: int | str, reason: str) -> None:
        super().__init__(f"event {event} at position {position}: {reason} ({code})")
        self.position = position
        self.code = code


class _OutOfStep(Exception):
    """An inspection found another stream than the one that was published to."""


class _Flight(NamedTuple):
    messages: list[Message]
    committed_at: datetime
    answer: asyncio.Future[Ack]
    span: Span


async def run_publisher(
    pool: asyncpg.Pool, client: Client, lease: Lease, settings: StreamSettings
) -> None:
    """Publish for as long as the lease is held; runs until cancelled.

    While JetStream is away it tries again. Raises LeaseLost, Unpublishable, StreamDiverged and what
    a lost connection to Postgres raises.
    """
    async with (
        pool.acquire() as connection,
        open_ahead(pool) as ahead,
        open_pipe(client) as pipe,
    ):
        await fence_session(connection, lease)
        # Nothing but `relay_progress` is written, and that follows from the stream.
        await connection.execute("SET synchronous_commit = off")
        publisher = Publisher(connection, ahead, client, pipe, lease, settings)
        async with listening(connection, "daybook_log", publisher.wake):
            await publisher.run()


class Publisher:
    """The leader's state; see `run_publisher`."""

    def __init__(
        self,
        connection: Connection,
        ahead: Ahead,
        client: Client,
        pipe: Pipe,
        lease: Lease,
        settings: StreamSettings,
    ) -> None:
        self._connection = connection
        self._ahead = ahead
        self._client = client
        self._pipe = pipe
        self._lease = lease
        self._settings = settings
        self._messages = Messages(settings)
        self._cooldown = Cooldown()
        self._flights: deque[_Flight] = deque()
        self._acknowledged = 0
        self._sent = 0
        self._singly = 0
        # The event whose id JetStream knows from another tenant's; it gets an id of its own.
        self._misread = 0
        self._retry_seconds = RETRY_SECONDS_MIN
        self._inspect_at = 0.0
        self._woken = asyncio.Event()

    def wake(self, *_: object) -> None:
        """There is something to publish."""
        self._woken.set()

    async def run(self) -> None:
        """See `run_publisher`."""
        while True:
            try:
                await self._settle()
                await self._publish()
            except Refused as refused:
                self._note(refused.code, refused)
                if refused.code not in _OUT_OF_STEP:
                    # The answer does not say which message it is about.
                    self._singly = EVENTS_PER_BATCH
            except _OutOfStep as reason:
                _log.warning("stream is not as it was left", reason=str(reason))
            except (errors.Error, JetStreamError, TimeoutError) as error:
                self._note("unavailable", error)
            await asyncio.sleep(self._retry_seconds)
            self._retry_seconds = min(self._retry_seconds * 2, RETRY_SECONDS_MAX)

    def _note(self, code: int | str, error: Exception) -> None:
        metrics.PUBLISH_ERRORS.labels(str(code)).inc()
        if code == DUPLICATE_IN_BATCH:
            metrics.PUBLISH_DUPLICATES.inc()
        _log.warning("not published", after=self._acknowledged, error=repr(error))

    async def _settle(self) -> None:
        """Go on from where the stream ends."""
        self._pipe.forget()
        for flight in self._flights:
            flight.span.end()
        self._flights.clear()
        position = await settle(
            self._connection, self._client, self._settings, self._lease, self._cooldown
        )
        self._acknowledged = self._sent = position
        self._inspect_at = asyncio.get_running_loop().time() + INSPECT_SECONDS
        if position:  # it may have been acknowledged to a leader that died before noting it
            await self._note_progress()
        _log.info("publishing", stream=self._settings.events, after=position)

    async def _publish(self) -> None:
        pause = POLL_SECONDS_MIN
        while True:
            if asyncio.get_running_loop().time() >= self._inspect_at:
                await self._inspect()
            self._woken.clear()
            sent = await self._send_next()
            if len(self._flights) >= BATCHES_IN_FLIGHT or (self._flights and not sent):
                await self._land()
            if sent or self._flights:
                pause = POLL_SECONDS_MIN
            else:
                await self._wait(pause)
                pause = min(pause * 2, POLL_SECONDS_MAX)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return  # everyone also polls: a notification may be lost

    async def _send_next(self) -> bool:
        """Put the next batch on its way; False when there is none."""
        events_max = 1 if self._singly else EVENTS_PER_BATCH
        rows = await self._ahead.read(self._sent, events_max)
        if not rows:
            return False
        messages, obstacle = self._messages.until_obstacle(rows, self._client.max_payload)
        if obstacle is not None and not messages:
            await self._stop_at(rows[0], obstacle)
        if messages[0].position == self._misread:
            messages = [messages[0].under_another_id()]
        taken = rows[: len(messages)]
        span = spans.begin("relay publish", map(traceparent_of, taken), SpanKind.PRODUCER)
        answer = await self._pipe.send(messages, expected_last=self._sent)
        committed_at = min(row["committed_at"] for row in taken)
        self._flights.append(_Flight(messages, committed_at, answer, span))
        self._sent = messages[-1].position
        self._singly = max(0, self._singly - 1)
        return True

    async def _stop_at(self, row: asyncpg.Record, obstacle: NoMessage) -> NoReturn:
        """Everything before it is stored first; then the relay stands."""
        while self._flights:
            await self._land()
        named = event_id(row["stream_id"], row["version"])
        self._note(obstacle.code, obstacle)
        raise Unpublishable(row["position"], named, obstacle.code, str(obstacle)) from obstacle

    async def _land(self) -> None:
        """Wait for the answer to the oldest batch."""
        flight = self._flights.popleft()
        last = flight.messages[-1]
        try:
            async with asyncio.timeout(ACK_SECONDS_MAX):
                ack = await flight.answer
        except Refused as refused:
            if len(flight.messages) == 1 and refused.code not in _OUT_OF_STEP:
                self._note(refused.code, refused)
                raise Unpublishable(last.position, last.id, refused.code, str(refused)) from refused
            raise
        finally:
            flight.span.end()
        if ack.duplicate:
            metrics.PUBLISH_DUPLICATES.inc()
        if ack.seq != last.position:
            self._misread = last.position
            raise _OutOfStep(f"{last.id} at {last.position} is taken for what stands at {ack.seq}")
        self._acknowledged = last.position
        self._retry_seconds = RETRY_SECONDS_MIN
        await self._record(flight.committed_at)

    async def _record(self, committed_at: datetime) -> None:
        lag = (datetime.now(UTC) - committed_at).total_seconds()
        metrics.OUTBOX_LAG.set(lag)
        metrics.PUBLISH_LAG.observe(lag)
        metrics.RELAY_POSITION.set(self._acknowledged)
        metrics.HALTED.labels(self._lease.name).set(0)
        await self._note_progress()

    async def _note_progress(self) -> None:
        noted = (self._settings.events, self._acknowledged)
        if not await record_progress(self._connection, self._lease, *noted):
            raise LeaseLost(self._lease)

    async def _inspect(self) -> None:
        """See that the stream is as we left it: a purge is no error of the next publish."""
        while self._flights:
            await self._land()
        stream = await find_stream(self._client, self._settings.events)
        if stream is None:
            raise _OutOfStep("it is gone")
        if last_position(stream) != self._acknowledged:
            raise _OutOfStep(f"it ends at {last_position(stream)}, not at {self._acknowledged}")
        loss = await find_loss(self._connection, stream, self._settings)
        if loss is not None:
            raise _OutOfStep(loss)
        self._inspect_at = asyncio.get_running_loop().time() + INSPECT_SECONDS
