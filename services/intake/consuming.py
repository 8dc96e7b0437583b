"""The intake process: batches off the stream, into the ledger, acknowledged after the commit."""

import asyncio
from collections.abc import Sequence
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
_IN_FLIGHT_MAX: Final = 4
_AGAIN_SECONDS: Final = 0.25
_AWAY_SECONDS_MAX: Final = 10.0

_MESSAGES: Final = Counter(
    "daybook_intake_messages_total", "Messages of the intake by what became of them", ["outcome"]
)
_SECONDS: Final = Histogram("daybook_intake_batch_seconds", "Time a batch takes to be settled")
_log = structlog.get_logger()


class Intake:
    """Takes what is delivered until it is cancelled or told to stop; loses nothing either way."""

    def __init__(self, taking: Taking, deliveries: DurableFeed) -> None:
        self._taking = taking
        self._deliveries = deliveries
        self._slots = asyncio.Semaphore(_IN_FLIGHT_MAX)
        self._failures = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Take batches until `stopping`; what is in flight is settled first."""
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
                    group.create_task(self._settle(following.result()))
            finally:
                ended.cancel()

    async def _settle(self, messages: Sequence[Delivery]) -> None:
        try:
            with _SECONDS.time():
                await self._take(messages)
        finally:
            self._slots.release()

    async def _take(self, messages: Sequence[Delivery]) -> None:
        arrived = [
            Arrived(message.subject, message.headers, message.payload, message.sequence)
            for message in messages
        ]
        try:
            taken = await self._taking.take(arrived)
        except LedgerUnavailable as away:
            await self._postpone(messages, away)
            return
        self._failures = 0
        _MESSAGES.labels("taken").inc(taken.taken_count)
        _MESSAGES.labels("repeated").inc(taken.repeated_count)
        _MESSAGES.labels("rejected").inc(taken.rejected_count)
        _MESSAGES.labels("postponed").inc(len(taken.again))
        if taken.again:
            again = [messages[index] for index in taken.again]
            await self._deliveries.nak(again, delay_seconds=_AGAIN_SECONDS)
        if taken.settled:
            await self._deliveries.ack([messages[index] for index in taken.settled])

    async def _postpone(self, messages: Sequence[Delivery], away: LedgerUnavailable) -> None:
        """Postgres is away: everything comes again, after longer and longer pauses."""
        self._failures += 1
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
        await asyncio.sleep(delay_seconds)
