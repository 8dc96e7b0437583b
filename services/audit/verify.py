"""`daybook audit verify`: everything that is kept, against the events it says it follows from.

One pass over the log in one snapshot, so that what is written meanwhile gives no false finding:
each event is read and decoded once, and every check takes its part of the page.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple

from projections.projection import REGISTRY, Projection
from projections.statements import AnyConnection, AnyPool
from relay.retained import RetainedStream
from services.audit.accounts import Accounts
from services.audit.bodies import Bodies
from services.audit.checkpoints import NOTHING_KEPT, Kept
from services.audit.claims import Claims
from services.audit.counters import Counters
from services.audit.findings import Findings, checks_of
from services.audit.heads import StreamHeads
from services.audit.identities import Identities
from services.audit.ledger import Ledger
from services.audit.log_checks import LogChecks
from services.audit.pages import Row, placed, waiting
from services.audit.prices import Prices
from services.audit.published import Published
from services.audit.read_models import ReadModels, shadow_tables
from services.audit.report import Progress, Report

__all__ = ["CannotVerify", "Progress", "Report", "verify"]

# The connections wait for each other, longer than an abandoned transaction may.
_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = '15min'"
_IMPORT: Final = "SELECT format('SET TRANSACTION SNAPSHOT %L', pg_export_snapshot())"
_HEAD: Final = (
    "SELECT h.log_id, h.partitions, h.position,"
    " (SELECT coalesce(sum(cardinality(event_ids)), 0) FROM daybook.billing_outbox)::bigint"
    " AS waiting FROM daybook.log_head h"
)

OnProgress = Callable[[Progress], None]


class CannotVerify(Exception):
    """There is nothing that could be verified, or not in this way; the text says why."""


class _Head(NamedTuple):
    log_id: str
    partitions: int
    position: int
    waiting: int


def quietly(_progress: Progress) -> None:
    """No progress is shown."""


async def verify(
    pool: AnyPool,
    *,
    since: int = 1,
    deep: bool = True,
    stream: RetainedStream | None = None,
    kept: Kept = NOTHING_KEPT,
    report: OnProgress = quietly,
) -> Report:
    """Verify the ledger from a position on; the pool acts as daybook_auditor, with two connections.

    Unless it is deep, the log alone is verified, and nothing that follows from it. With `since`
    beyond 1 only what can be known from there on: the log, the leaves, the bodies, the ledger
    entries of its events and the stream. Raises CannotVerify, and what a lost connection raises.
    """
    if pool.get_max_size() < 2:
        raise CannotVerify("the pool needs two connections: one reads ahead of the other")
    begun = time.perf_counter()
    async with pool.acquire() as reader, pool.acquire() as worker:
        async with _snapshot(reader, worker, REGISTRY if deep else ()):
            head = await _head(worker)
            if not 1 <= since <= head.position + 1:
                raise CannotVerify(f"the log goes from 1 to {head.position}, not from {since}")
            audit = _Audit(reader, worker, head, since, stream if deep else None, kept, deep)
            await audit.run(lambda events: report(audit.progress(events, begun)))
        if deep and stream is not None:
            await audit.published_end(reader)
    return audit.report(time.perf_counter() - begun)


@asynccontextmanager
async def _snapshot(
    reader: AnyConnection, worker: AnyConnection, replayed: Sequence[Projection]
) -> AsyncIterator[None]:
    """Two connections that see the same moment; the worker may write to temporary tables only."""
    async with AsyncExitStack() as undo:
        await undo.enter_async_context(shadow_tables(worker, replayed))
        for connection in (reader, worker):
            await undo.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=True)
            )
            if connection is worker:
                await worker.execute(await reader.fetchval(_IMPORT))
            await connection.execute(_PATIENCE)
        yield


async def _head(connection: AnyConnection) -> _Head:
    row = await connection.fetchrow(_HEAD)
    if row is None:
        raise CannotVerify("the log was never created: log_head has no row")
    return _Head(*row)


class _Audit:
    """The checks of one audit, and the order in which they take a page."""

    def __init__(
        self,
        reader: AnyConnection,
        worker: AnyConnection,
        head: _Head,
        since: int,
        stream: RetainedStream | None,
        kept: Kept,
        deep: bool,
    ) -> None:
        self._reader = reader
        self._worker = worker
        self._head = head
        self._since = since
        self._deep = deep
        self._findings = findings = Findings(checks_of(since, deep, with_stream=bool(stream)))
        self._bodies = bodies = Bodies(findings)
        self._log = LogChecks(findings, head.log_id, head.partitions, kept, since)
        self._ledger = Ledger(findings, bodies)
        self._heads = StreamHeads(findings, bodies)
        self._accounts = Accounts(findings, bodies)
        self._claims = Claims(findings, bodies)
        self._counters = Counters(findings)
        self._prices = Prices(findings, bodies)
        self._identities = Identities(findings, bodies)
        self._read_models = ReadModels(findings)
        self._published = Published(findings, stream) if stream else None

    async def run(self, done: Callable[[int], None]) -> None:
        """Take every page, then compare what is left."""
        await self._start()
        if not self._deep:
            async for events in self._log.take_all(self._reader, self._worker):
                self._bodies.seen += events
                done(self._bodies.seen)
            await self._log.finish(self._worker)
            return
        async for rows in placed(self._reader, self._since - 1):
            await self._take_placed(rows)
            done(self._bodies.seen)
        if self._since == 1:
            async for rows in waiting(self._reader):
                await self._take(self._log.placement.take_waiting(rows))
                done(self._bodies.seen)
        await self._finish()

    async def _start(self) -> None:
        await self._log.start(self._worker)
        if self._published is not None:
            await self._published.start(self._worker, self._head.position)
        if self._since == 1 and self._deep:
            await self._read_models.start(self._worker, REGISTRY, self._head.position)

    async def _take_placed(self, rows: list[Row]) -> None:
        await self._log.take(self._worker, rows)
        if self._published is not None:
            await self._published.take(rows)
        await self._take(rows)

    async def _take(self, rows: list[Row]) -> None:
        everything, known = self._bodies.take(rows)
        await self._ledger.take(self._worker, rows, known)
        if self._since > 1:
            return
        self._heads.take(known)
        self._accounts.take(known)
        self._counters.take(known)
        await self._claims.take(self._worker, known)
        await self._prices.take(self._worker, known)
        await self._identities.take(self._worker, known)
        if rows and rows[0]["position"] is not None:
            await self._read_models.take(self._worker, everything)

    async def _finish(self) -> None:
        await self._log.finish(self._worker)
        if self._since > 1:
            return
        for check in (
            self._log.placement,
            self._ledger,
            self._heads,
            self._accounts,
            self._counters,
            self._claims,
            self._prices,
            self._identities,
            self._read_models,
        ):
            await check.finish(self._worker)

    async def published_end(self, connection: AnyConnection) -> None:
        """The end of the stream, against the head as it is when the snapshot is over."""
        if self._published is not None:
            await self._published.finish(connection)

    def progress(self, events: int, begun: float) -> Progress:
        """How far it is."""
        total = self._head.position - self._since + 1 + self._head.waiting
        return Progress(events=events, total=total, seconds=time.perf_counter() - begun)

    def report(self, seconds: float) -> Report:
        """What was found."""
        head, lowest = self._log.order.position, self._findings.lowest
        return Report(
            log_id=self._head.log_id,
            since=self._since,
            head=head,
            verified_through=head if lowest is None else min(head, max(0, lowest - 1)),
            root=self._log.tree.root.hex(),
            events=self._bodies.seen,
            waiting=self._head.waiting,
            seconds=seconds,
            signed_through=self._log.checkpoints.last,
            keys=tuple(sorted(self._log.checkpoints.keys)),
            checks=self._findings.counts(),
            findings=self._findings.ordered(),
        )
