"""Queued commands and who executes them next: many side by side, few together."""

import asyncio
import zlib
from collections import deque
from typing import Final

from services.execute.job import Entry, pop_some

BATCH_MAX: Final = 500
# A transaction costs as much as dozens of commands: while fewer wait than this, those of all lanes
# share one at a time (at 64 clients, measured, twice the commands of three lanes by themselves).
_TOGETHER_MAX: Final = 100


class Lanes:
    """A queue for each lane; commands of one key share a lane and are executed in their order."""

    def __init__(self, count: int, *, together_max: int = _TOGETHER_MAX) -> None:
        self._together_max = together_max
        self._queues: list[deque[Entry]] = [deque() for _ in range(count)]
        self._wakers = [asyncio.Event() for _ in range(count)]
        self._taken_by: dict[int, int] = {}
        """By lane whose commands are being executed: the lane that executes them."""
        self._sharing: int | None = None
        """The lane that executes the few of several."""

    def lane_of(self, key: str) -> int:
        """The lane of a key."""
        return zlib.crc32(key.encode(errors="surrogatepass")) % len(self._queues)

    def put(self, lane: int, entry: Entry) -> None:
        """Queue a command behind the others of its lane."""
        self._queues[lane].append(entry)
        self._wakers[lane].set()

    async def take(self, lane: int) -> list[Entry]:
        """Wait for what a lane is to execute next; call `release` when that is done."""
        while not (entries := self._next(lane)):
            self._wakers[lane].clear()
            await self._wakers[lane].wait()
        return entries

    def release(self, lane: int) -> None:
        """What the lane took is executed: the lanes that it came from go on."""
        self._taken_by = {of: by for of, by in self._taken_by.items() if by != lane}
        if self._sharing == lane:
            self._sharing = None
        for queue, waker in zip(self._queues, self._wakers, strict=True):
            if queue:
                waker.set()

    def drain(self) -> list[Entry]:
        """Give up everything that is queued."""
        entries = [entry for queue in self._queues for entry in queue]
        for queue in self._queues:
            queue.clear()
        return entries

    def _next(self, lane: int) -> list[Entry]:
        if lane in self._taken_by:
            return []
        if not self._are_few():
            return self._pop(lane, [lane])
        if self._sharing is not None:
            return []  # They go with those that queue until it is done.
        entries = self._pop(
            lane, [of for of in range(len(self._queues)) if of not in self._taken_by]
        )
        if entries:
            self._sharing = lane
        return entries

    def _are_few(self) -> bool:
        return (
            sum(map(len, self._queues)) <= self._together_max
            and sum(entry.weight for queue in self._queues for entry in queue) <= self._together_max
        )

    def _pop(self, lane: int, lanes: list[int]) -> list[Entry]:
        entries = [entry for of in lanes for entry in pop_some(self._queues[of], BATCH_MAX)]
        if entries:
            self._taken_by |= dict.fromkeys(lanes, lane)
        return entries
