"""The executor: commands that queue while a transaction runs form the next one (group commit)."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog

from relay import spans
from relay.database import raise_if_cancelled
from services.execute.attempt import Ledger, LedgerUnavailable, attempt, utc_now
from services.execute.batch import account_named, stream_of
from services.execute.envelope import TENANT, Envelope, Examine, Outcome, Refused
from services.execute.examining import examine_all
from services.execute.faults import refusal_of
from services.execute.job import Entry, Job
from services.execute.lanes import BATCH_MAX, Lanes
from services.execute.waiting import WaitingRoom

_log = structlog.get_logger()


class Executor:
    """Executes commands in group commits on a few lanes; commands of one account share a lane.

    Commands whose account another process holds leave for the waiting room, and later commands of
    that account queue behind them, so the order per account is kept. A command that names no
    account (IssueInvoice without one) keeps no order with those of its account.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        lanes: int = 3,
        now: Callable[[], datetime] = utc_now,
        lock_timeout_seconds: float = 5,
        examine: Examine | None = None,
    ) -> None:
        self._examine = examine
        self._ledger = Ledger(pool, now, lock_timeout_seconds)
        self._lanes = Lanes(lanes)
        self._lane_count = lanes
        self._room = WaitingRoom(
            self._ledger,
            self._execute,
            self._start,
            batch_max=BATCH_MAX,
            # A connection stays free for each lane and for those who wait together.
            slots=max(1, pool.get_max_size() - lanes - 1),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def __aenter__(self) -> Self:
        for lane in range(self._lane_count):
            self._start(self._run_lane(lane))
        self._start(self._room.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End in order: what runs is finished, what is queued fails with LedgerUnavailable."""
        self._close()
        try:
            async with asyncio.timeout(self._ledger.lock_timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("executor closed in the middle of a batch")
        finally:
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
        examined = await self.examined(envelopes)
        if self._closed:
            raise _closed()
        job = Job(examined)
        for place, envelope in enumerate(examined):
            refused = self._queue(envelope, job, place)
            if refused is not None:
                job.settle(place, refused)
        return await job.future

    async def examined(self, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
        """Commands as they are to be decided, here or in a preview; raises LedgerUnavailable."""
        return await examine_all(self._examine, envelopes) if self._examine else envelopes

    def _queue(self, envelope: Envelope, job: Job, place: int) -> Refused | None:
        """Queue a command in its lane; returns the refusal of one that has none."""
        try:
            if not TENANT.fullmatch(envelope.tenant):
                return Refused(
                    code="VALIDATION_FAILED",
                    detail=f"a tenant is named by {TENANT.pattern}, unlike {envelope.tenant!r}",
                )
            account_id = account_named(envelope)
            lane = self._lanes.lane_of(account_id or stream_of(envelope))
        except Exception as fault:  # a broken command is refused; those beside it go on
            return refusal_of(envelope, fault)
        account = None if account_id is None else (envelope.tenant, account_id)
        self._lanes.put(lane, Entry(envelope, job, place, account))
        return None

    async def _run_lane(self, lane: int) -> None:
        while True:
            taken = await self._lanes.take(lane)
            free = [entry for entry in taken if not self._room.queue_behind(entry)]
            if free:
                self._room.take_in(await self._execute(free, None))
            self._lanes.release(lane)

    async def _execute(self, entries: list[Entry], wait_seconds: float | None) -> list[Entry]:
        """Execute commands and settle them; returns those whose account is busy, in order."""
        self._running += 1
        self._idle.clear()
        try:
            envelopes = [entry.envelope for entry in entries]
            with spans.span("execute", (envelope.traceparent for envelope in envelopes)) as span:
                span.set_attribute("daybook.commands", len(envelopes))
                attempted = await attempt(self._ledger, envelopes, wait_seconds=wait_seconds)
        except Exception as error:  # handed to the callers, who repeat or report it
            _fail(entries, error)
            raise_if_cancelled(error)
            return []
        except BaseException:  # the lane ends, but its callers are not to wait for ever
            _fail(entries, _closed())
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        for index, outcome in attempted.outcomes.items():
            entries[index].job.settle(entries[index].place, outcome)
        busy = []
        for index, account in sorted(attempted.busy.items()):
            if entries[index].busy_since is None:
                entries[index].account = account  # a group goes on waiting where it does already
            busy.append(entries[index])
        if self._closed:
            _fail(busy, _closed())
            return []
        return busy

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            # Without the lane its callers would wait for ever.
            _log.critical("a lane of the executor died, it takes no more commands", exc_info=fault)
            self._close()

    def _close(self) -> None:
        self._closed = True
        _fail([*self._lanes.drain(), *self._room.drain()], _closed())


def _fail(entries: Sequence[Entry], error: Exception) -> None:
    for entry in entries:
        entry.job.fail(error)


def _closed() -> LedgerUnavailable:
    return LedgerUnavailable("the executor is closed: repeat the command elsewhere")
