"""What the feed hands to one projection: decoded batches, bounded; what does not fit is missed."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from projections.recorded import Recorded

EVENTS_MAX: Final = 6_000
# Decoded, an event takes a few times the room of its body.
BYTES_MAX: Final = 8 * 1024 * 1024
TAKE_MAX: Final = 2_000


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive deliveries, decoded once for everybody, and how large their bodies were."""

    events: Sequence[Recorded]
    size: int


class Mailbox:
    """A queue from the feed to one projection. Whatever is missed is read from Postgres."""

    def __init__(self) -> None:
        self.behind = False
        """It missed a batch and has not emptied its mailbox since; nobody waits for it."""
        self._closed = False
        self._batches: deque[Batch] = deque()
        self._events = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    def offer(self, batch: Batch) -> bool:
        """Put a batch in if there is room; an empty mailbox takes one of any size."""
        if self._closed:
            return True
        if self._batches and not self._fits(batch):
            return False
        self._batches.append(batch)
        self._events += len(batch.events)
        self._bytes += batch.size
        self._arrived.set()
        return True

    def close(self) -> None:
        """Nobody takes from it any more: whatever is offered is let go."""
        self._closed = True
        self._batches.clear()
        self._taken.set()

    async def room(self) -> None:
        """Wait until something was taken."""
        self._taken.clear()
        await self._taken.wait()

    async def wait(self, seconds_max: float) -> None:
        """Wait until something has arrived, or so long."""
        if not self._batches:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), seconds_max)

    def take(self) -> list[Recorded]:
        """What has arrived, of about `TAKE_MAX` events at most."""
        taken: list[Recorded] = []
        while self._batches and (
            not taken or len(taken) + len(self._batches[0].events) <= TAKE_MAX
        ):
            batch = self._batches.popleft()
            self._events -= len(batch.events)
            self._bytes -= batch.size
            taken += batch.events
        if not self._batches:
            self.behind = False
        self._taken.set()
        return taken

    def _fits(self, batch: Batch) -> bool:
        return (
            self._events + len(batch.events) <= EVENTS_MAX and self._bytes + batch.size <= BYTES_MAX
        )
