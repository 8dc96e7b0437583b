"""The executor: commands that queue while a transaction runs form the next one (group commit)."""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import asyncpg
import structlog

from services.execute.attempt import attempt, utc_now
from services.execute.batch import Account, account_named, stream_of
from services.execute.envelope import Envelope, Outcome

BATCH_MAX: Final = 500
_log = structlog.get_logger()


class _Job:
    """What one caller handed over; it is woken when the last of its commands has an outcome."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._outcomes: dict[int, Outcome] = {}
        self._count = len(envelopes)

    def settle(self, index: int, outcome: Outcome) -> None:
        self._outcomes[index] = outcome
        if len(self._outcomes) == self._count and not self.future.done():
            self.future.set_result([self._outcomes[at] for at in range(self._count)])

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Entry(NamedTuple):
    """A queued command: its job and its place there."""

    envelope: Envelope
    job: _Job
    place: int


class Executor:
    """Executes commands in group commits on a few lanes; commands of one account share a lane.

    A command whose account another process holds goes to a lane of its own that waits, and later
    commands of that account queue behind it, so the order per account is kept.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, lanes: int = 2, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._pool = pool
        self._now = now
        self._queues: list[deque[_Entry]] = [deque() for _ in range(lanes)]
        self._wakers = [asyncio.Event() for _ in range(lanes)]
        self._waiting: dict[Account, deque[_Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Waiting lanes hold a connection each; one connection stays free for each normal lane.
        self._wait_slots = asyncio.Semaphore(max(1, pool.get_max_size() - lanes))

    async def __aenter__(self) -> Self:
        for lane in range(len(self._queues)):
            self._start(self._run_lane(lane))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def execute(self, envelope: Envelope) -> Outcome:
        """Execute one command; raises LedgerUnavailable."""
        return (await self.execute_all([envelope]))[0]

    async def execute_all(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Execute commands, each for itself, in order per account; raises LedgerUnavailable.

        After LedgerUnavailable some may have been committed: repeat all of them.
        """
        if not envelopes:
            return []
        job = _Job(envelopes)
        for index, envelope in enumerate(envelopes):
            lane = self._lane(envelope)
            self._queues[lane].append(_Entry(envelope, job, index))
            self._wakers[lane].set()
        return await job.future

    def _lane(self, envelope: Envelope) -> int:
        key = account_named(envelope) or stream_of(envelope)
        return zlib.crc32(key.encode(errors="surrogatepass")) % len(self._queues)

    async def _run_lane(self, lane: int) -> None:
        queue, waker = self._queues[lane], self._wakers[lane]
        while True:
            await waker.wait()
            waker.clear()
            while queue:
                entries = [queue.popleft() for _ in range(min(BATCH_MAX, len(queue)))]
                await self._execute([entry for entry in entries if not self._queued_behind(entry)])

    def _queued_behind(self, entry: _Entry) -> bool:
        """Whether commands of its account are waiting; then it waits behind them."""
        account_id = account_named(entry.envelope)
        waiting = self._waiting.get((entry.envelope.tenant, account_id)) if account_id else None
        if waiting is None:
            return False
        waiting.append(entry)
        return True

    async def _execute(self, entries: list[_Entry], *, wait: bool = False) -> None:
        if not entries:
            return
        envelopes = [entry.envelope for entry in entries]
        try:
            attempted = await attempt(self._pool, envelopes, wait=wait, now=self._now)
        except Exception as error:  # handed to the callers, who repeat or report it
            for entry in entries:
                entry.job.fail(error)
            return
        for index, account in sorted(attempted.busy.items()):
            self._wait(account, entries[index])
        for index, outcome in attempted.outcomes.items():
            entries[index].job.settle(entries[index].place, outcome)

    def _wait(self, account: Account, entry: _Entry) -> None:
        waiting = self._waiting.get(account)
        if waiting is None:
            self._waiting[account] = deque([entry])
            self._start(self._run_waiting(account))
        else:
            waiting.append(entry)

    async def _run_waiting(self, account: Account) -> None:
        waiting = self._waiting[account]
        async with self._wait_slots:
            _log.debug("account busy, waiting for its lock", tenant=account[0], account=account[1])
            while waiting:
                entries = [waiting.popleft() for _ in range(min(BATCH_MAX, len(waiting)))]
                await self._execute(entries, wait=True)
        del self._waiting[account]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
