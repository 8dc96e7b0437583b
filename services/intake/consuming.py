"""The intake process: batches off the stream, into the ledger, acknowledged after the commit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from prometheus_client import Counter, Histogram

from relay.consumer import Delivery
from relay.inbox import DurableFeed
from services.execute.attempt import LedgerUnavailable
from services.intake.reading import Arrived
from services.intake.taking import Taking

BATCH_MAX: Final = 500
# While batches are in Postgres or wait for its disk, the next ones are read and decided.
_IN_FLIGHT_MAX: Final = 6
# Decoded, sealed and written, a message takes many times its bytes.
_BYTES_IN_FLIGHT_MAX: Final = 8 * 1024 * 1024
_AGAIN_SECONDS: Final = 0.25
# Another system than ours is away: that takes longer, and asking costs it something.
_LATER_SECONDS: Final = 15.0
_AWAY_SECONDS_MAX: Final = 10.0

_MESSAGES: Final = Counter(
    "daybook_intake_messages_total", "Messages of the intake by what became of them", ["outcome"]
)
# Shown as 0 from the start: a rule sees no increase in a series that begins with its first one.
for _outcome in ("taken", "repeated", "rejected", "postponed"):
    _MESSAGES.labels(_outcome)
_SECONDS: Final = Histogram("daybook_intake_batch_seconds", "Time a batch takes to be settled")
_log = structlog.get_logger()


class Intake:
    """Takes what is delivered until it is cancelled or told to stop; loses nothing either way."""

    def __init__(self, taking: Taking, deliveries: DurableFeed) -> None:
        self._taking = taking
        self._deliveries = deliveries
        self._slots = asyncio.Semaphore(_IN_FLIGHT_MAX)
        self._bytes = 0
        self._settled = asyncio.Event()
        self._failures = 0
        self._stopping = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Take batches until `stopping`; what is in flight is settled first."""
        self._stopping = stopping
        async with asyncio.TaskGroup() as group:
            batches = self._deliveries.batches()
            ended = asyncio.ensure_future(stopping.wait())
            try:
                while not stopping.is_set():
                    await self._slots.acquire()
                    following = asyncio.ensure_future(anext(batches))
                    await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if not following.done():
                        following.cancel()
                        break
                    messages = following.result()
                    size = sum(len(message.payload) for message in messages)
                    await self._room_for(size)
                    group.create_task(self._settle(messages, size))
            finally:
                ended.cancel()

    async def _room_for(self, size: int) -> None:
        """Wait until so many bytes may be in flight, too; more than the limit go alone."""
        while self._bytes and self._bytes + size > _BYTES_IN_FLIGHT_MAX:
            self._settled.clear()
            await self._settled.wait()
        self._bytes += size

    async def _settle(self, messages: Sequence[Delivery], size: int) -> None:
        try:
            with _SECONDS.time():
                await self._take(messages)
        finally:
            self._bytes -= size
            self._settled.set()
            self._slots.release()

    async def _take(self, messages: Sequence[Delivery]) -> None:
        arrived = [
            Arrived(
                message.subject,
                message.headers,
                message.payload,
                message.sequence,
                message.delivered,
            )
            for message in messages
        ]
        failures = self._failures
        try:
            taken = await self._taking.take(arrived)
        except LedgerUnavailable as away:
            # Once for all batches that were in flight when it went away.
            self._failures = max(self._failures, failures + 1)
            await self._postpone(messages, away)
            return
        self._failures = 0
        _MESSAGES.labels("taken").inc(taken.taken_count)
        _MESSAGES.labels("repeated").inc(taken.repeated_count)
        _MESSAGES.labels("rejected").inc(taken.rejected_count)
        _MESSAGES.labels("postponed").inc(len(taken.again) + len(taken.later))
        for indexes, seconds in ((taken.again, _AGAIN_SECONDS), (taken.later, _LATER_SECONDS)):
            if indexes:
                some = [messages[index] for index in indexes]
                await self._deliveries.nak(some, delay_seconds=seconds)
        if taken.settled:
            await self._deliveries.ack([messages[index] for index in taken.settled])

    async def _postpone(self, messages: Sequence[Delivery], away: LedgerUnavailable) -> None:
        """Postgres is away: everything comes again, after longer and longer pauses."""
        delay_seconds = min(_AWAY_SECONDS_MAX, _AGAIN_SECONDS * 2**self._failures)
        _MESSAGES.labels("postponed").inc(len(messages))
        _log.warning(
            "ledger away, messages come again",
            messages=len(messages),
            first_sequence=messages[0].sequence,
            delay_seconds=delay_seconds,
            error=str(away),
        )
        await self._deliveries.nak(messages, delay_seconds=delay_seconds)
        with suppress(TimeoutError):  # whoever stops us does not wait for Postgres
            async with asyncio.timeout(delay_seconds):
                await self._stopping.wait()
