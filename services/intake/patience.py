"""How long messages wait for another system to answer, and how many of them at once.

JetStream stops delivering when too many are not settled: what waits for one tenant's terminology
server must not hold up what others send.
"""

import time
from collections.abc import Callable
from typing import Final

from services.intake.reading import Arrived

TIMES_MAX: Final = 40
"""Deliveries of a message, 15 s apart; then it is rejected."""

MESSAGES_MAX: Final = 5_000
"""Of one process: several of them stay below what a consumer may leave unsettled."""

_FORGOTTEN_SECONDS: Final = 60.0  # several pauses: by then another process has taken it over


class Patience:
    """Says which messages may come again later; remembers those that do."""

    def __init__(
        self,
        *,
        messages_max: int = MESSAGES_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._messages_max = messages_max
        self._clock = clock
        self._waiting: dict[int, float] = {}

    def lets_wait(self, arrived: Arrived) -> bool:
        """Whether a message may come again later; otherwise it is to be settled now."""
        now = self._clock()
        self._waiting.pop(arrived.sequence, None)
        while self._waiting and now - next(iter(self._waiting.values())) > _FORGOTTEN_SECONDS:
            del self._waiting[next(iter(self._waiting))]
        if arrived.delivered >= TIMES_MAX or len(self._waiting) >= self._messages_max:
            return False
        self._waiting[arrived.sequence] = now  # behind the others, so that the oldest is first
        return True

    def settled(self, arrived: Arrived) -> None:
        """A message waits no more."""
        self._waiting.pop(arrived.sequence, None)
