"""Commands whose account another process holds: in order per account, out of everybody's way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

import structlog

from services.execute.attempt import Ledger
from services.execute.job import Entry, pop_some
from services.execute.load import Account

_TOGETHER_SECONDS_MAX: Final = 1.0
_LAST_TRY_SECONDS: Final = 0.05
_log = structlog.get_logger()

Execute = Callable[[list[Entry], float | None], Awaitable[list[Entry]]]
"""Executes entries, waiting so long for their account; returns those that are busy, in order."""


class WaitingRoom:
    """Waits in two ways, since another process's batch is over soon and a foreign lock is not.

    First all busy commands wait together, in one transaction that takes its accounts in order. (A
    transaction for each account cost two processes that share accounts three times the Python.)
    What is still busy after a second waits on in a lane of its own, so that it holds up no other.
    Commands that come later queue behind those of their account.
    """

    def __init__(
        self,
        ledger: Ledger,
        execute: Execute,
        start: Callable[[Coroutine[Any, Any, None]], None],
        *,
        batch_max: int,
        slots: int,
    ) -> None:
        self._ledger = ledger
        self._execute = execute
        self._start = start
        self._batch_max = batch_max
        self._slots = asyncio.Semaphore(slots)
        self._together: dict[Account, deque[Entry]] = {}
        self._alone: dict[Account, deque[Entry]] = {}
        self._waker = asyncio.Event()

    def queue_behind(self, entry: Entry) -> bool:
        """Queue a command if its account has commands waiting; whether it has."""
        if entry.account is None or not (self._together or self._alone):
            return False
        queue = self._together.get(entry.account)
        if queue is None:
            queue = self._alone.get(entry.account)
        if queue is None:
            return False
        entry.busy_since = _moment()
        queue.append(entry)
        return True

    def take_in(self, busy: Iterable[Entry]) -> None:
        """Take commands that a lane found busy, in their order."""
        for entry in busy:
            if not self.queue_behind(entry) and entry.account is not None:
                entry.busy_since = _moment()
                self._together[entry.account] = deque([entry])
                self._waker.set()

    async def run(self) -> None:
        """Wait for what is busy, together; what stays busy moves to lanes of its own."""
        seconds = min(_TOGETHER_SECONDS_MAX, self._ledger.lock_timeout_seconds / 2)
        while True:
            await self._waker.wait()
            self._waker.clear()
            while self._together:
                self._part(await self._execute(self._next(), seconds))

    def drain(self) -> list[Entry]:
        """Give up everything that is queued here."""
        queues = (*self._together.values(), *self._alone.values())
        entries = [entry for queue in queues for entry in queue]
        for queue in queues:
            queue.clear()
        return entries

    def _next(self) -> list[Entry]:
        entries: list[Entry] = []
        for queue in self._together.values():
            left = self._batch_max - sum(entry.weight for entry in entries)
            entries += pop_some(queue, left, first=not entries)
        return entries

    def _part(self, busy: list[Entry]) -> None:
        for entry in reversed(busy):
            if entry.account is not None:
                self._together[entry.account].appendleft(entry)
        for account in {entry.account for entry in busy if entry.account is not None}:
            self._alone[account] = self._together.pop(account)
            self._start(self._run_alone(account))
        for account in [account for account, queue in self._together.items() if not queue]:
            del self._together[account]

    async def _run_alone(self, account: Account) -> None:
        queue = self._alone[account]
        async with self._slots:
            _log.info("account busy, waiting for its lock", tenant=account[0], account=account[1])
            while queue:
                entries = pop_some(queue, self._batch_max)
                left_seconds = self._ledger.lock_timeout_seconds - _waited(entries[0])
                for entry in await self._execute(entries, max(left_seconds, _LAST_TRY_SECONDS)):
                    entry.job.settle(entry.place, self._ledger.timed_out())
            del self._alone[account]


def _moment() -> float:
    return asyncio.get_running_loop().time()


def _waited(entry: Entry) -> float:
    return 0.0 if entry.busy_since is None else _moment() - entry.busy_since
