"""What a caller handed over: commands in order, each with its place there."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from services.execute.envelope import Envelope, Outcome
from services.execute.group import commands_of
from services.execute.load import Account


class Job:
    """Commands of one caller, who is woken when the last of them has an outcome."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._outcomes: dict[int, Outcome] = {}
        self._count = len(envelopes)

    def settle(self, place: int, outcome: Outcome) -> None:
        """The outcome of one command."""
        self._outcomes[place] = outcome
        # A caller that was cancelled waits no more; its commands are executed all the same.
        if len(self._outcomes) == self._count and not self.future.done():
            self.future.set_result([self._outcomes[at] for at in range(self._count)])

    def fail(self, error: Exception) -> None:
        """Wake the caller with an error."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True)
class Entry:
    """A queued command: whose it is, and its account as far as it is known."""

    envelope: Envelope
    job: Job
    place: int
    account: Account | None
    busy_since: float | None = None
    """When its account was first found busy, on the event loop's clock."""

    @property
    def weight(self) -> int:
        """How many commands it is."""
        return len(commands_of(self.envelope))


def pop_some(queue: deque[Entry], weight_max: int, *, first: bool = True) -> list[Entry]:
    """As many entries of a queue as are so many commands together; `first` takes one anyway."""
    taken: list[Entry] = []
    left = weight_max
    while queue and (queue[0].weight <= left or (first and not taken)):
        taken.append(queue.popleft())
        left -= taken[-1].weight
    return taken
