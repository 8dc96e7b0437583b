"""The activities of StatementRun: its facilities, a page of accounts, and its end in the log."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog
from temporalio import activity

from contracts.ids import RunId, StreamId
from contracts.statement import StatementCompleted
from domain.statement import CompleteStatementRun
from projections.freshness import NotYet, wait_for
from relay import spans
from services.execute.envelope import BusIdentity, Envelope, Refused
from services.execute.executor import Executor
from services.objects import ObjectStoreDenied, ObjectStoreUnreachable
from services.ports import DeliveryMisconfigured
from services.sagas.messages import (
    EndStatementRun,
    Facilities,
    FacilitiesAfter,
    StatementPage,
    StatementPageDone,
)
from services.sagas.pulse import heartbeats
from services.sagas.steps import CONSUMER, this_workflow, try_again, unknown
from services.statements.making import Making
from services.statements.queries import sql
from services.statements.runs import RunFound, find_run
from services.tenant_view import tenant_view

ACCOUNTS_PER_PAGE_MAX: Final = 50
FACILITIES_PER_PAGE_MAX: Final = 100
# Behind these whoever cannot be reached has failed, and is listed: some five minutes.
TRIES_MAX: Final = 15
_READS: Final = ("account_balances", "general_ledger", "invoices")
_PATIENCE_SECONDS: Final = 10.0

_FACILITIES: Final = sql("run_facilities")
_ACCOUNTS: Final = sql("run_accounts")
_OUTCOMES: Final = sql("run_outcomes")
_TOTAL: Final = (
    "INSERT INTO statement_run_totals (tenant, run_id, accounts) VALUES ($1, $2, $3)"
    " ON CONFLICT DO NOTHING"
)
_AWAY: Final = (ObjectStoreUnreachable, ObjectStoreDenied, DeliveryMisconfigured)
_log = structlog.get_logger()


class Stating:
    """Makes statements; the pools act as daybook_writer and daybook_reader."""

    def __init__(
        self,
        executor: Executor,
        pool: asyncpg.Pool,
        reader: asyncpg.Pool,
        making: Making,
        *,
        accounts_max: int = ACCOUNTS_PER_PAGE_MAX,
    ) -> None:
        self._executor = executor
        self._pool = pool
        self._reader = reader
        self._making = making
        self._accounts_max = accounts_max

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker is given."""
        return (self.find_facilities, self.make, self.end)

    @activity.defn(name="find_statement_facilities")
    async def find_facilities(self, work: FacilitiesAfter) -> Facilities:
        """The facilities of a run behind one; the first time, how many accounts there are."""
        async with heartbeats():
            run = await self._running(work.tenant, work.run_id)
            if run is None:
                return Facilities()
            await self._wait_for_books(run)
            async with tenant_view(self._reader, work.tenant) as connection:
                rows = await connection.fetch(_FACILITIES, run.started.facility)
            async with tenant_view(self._pool, work.tenant) as connection:
                total = sum(row["accounts"] for row in rows)
                await connection.execute(_TOTAL, work.tenant, work.run_id, total)
        names = [row["facility"] for row in rows if row["facility"] > work.after]
        return Facilities(facilities=tuple(names[:FACILITIES_PER_PAGE_MAX]))

    @activity.defn(name="make_statements")
    async def make(self, work: StatementPage) -> StatementPageDone:
        """A page of accounts; what is done already is left out."""
        async with heartbeats():
            run = await self._running(work.tenant, work.run_id)
            if run is None:
                return StatementPageDone(after=None)
            async with tenant_view(self._reader, work.tenant) as connection:
                rows = await connection.fetch(
                    _ACCOUNTS, work.facility, work.after, self._accounts_max, work.run_id
                )
            todo = [row["account_id"] for row in rows if not row["done"]]
            await self._make(run, todo)
        full = len(rows) == self._accounts_max
        return StatementPageDone(after=rows[-1]["account_id"] if full else None)

    async def _make(self, run: RunFound, account_ids: Sequence[str]) -> None:
        if not account_ids:
            return
        last_try = activity.info().attempt >= TRIES_MAX
        try:
            left = await self._making.make(run, account_ids, last_try=last_try)
        except _AWAY as away:
            _log.error(
                "statements wait: what they need is away or set up wrongly",
                tenant=run.tenant,
                correlation_id=run.cause.correlation_id,
                run_id=run.started.run_id,
                reason=str(away),
            )
            raise try_again("statements", len(account_ids), str(away)) from away
        if left:
            raise try_again("statements", left, "not delivered")

    @activity.defn(name="end_statement_run")
    async def end(self, work: EndStatementRun) -> None:
        """Record what it came to; a run that has ended stays as it is."""
        async with heartbeats():
            run = await self._running(work.tenant, work.run_id)
            if run is None:
                return
            async with tenant_view(self._pool, work.tenant) as connection:
                rows = await connection.fetch(_OUTCOMES, work.tenant, work.run_id)
            found = [(row["account_id"], row["outcome"], row["sha256"]) for row in rows]
            completed = summary(run.started.run_id, found)
            outcome = await self._executor.execute(_envelope(run, completed))
        if isinstance(outcome, Refused):
            raise try_again("run", 1, f"{outcome.code}: {outcome.detail}")
        _log.info(
            "statements are out",
            tenant=run.tenant,
            correlation_id=run.cause.correlation_id,
            run_id=run.started.run_id,
            total=completed.total,
            failed=completed.failed,
        )

    async def _running(self, tenant: str, run_id: str) -> RunFound | None:
        """The run, or None when it has ended, which somebody may have asked for meanwhile."""
        async with tenant_view(self._pool, tenant) as connection:
            run = await find_run(connection, tenant, run_id)
        if run is None:
            raise unknown("run of statements", [run_id])
        return None if run.ended is not None else run

    async def _wait_for_books(self, run: RunFound) -> None:
        """Until the read models have seen all that was booked before the start."""
        try:
            async with tenant_view(self._reader, run.tenant) as connection:
                await wait_for(
                    connection,
                    run.started.run_id,
                    _READS,
                    tenant=run.tenant,
                    timeout_seconds=_PATIENCE_SECONDS,
                )
        except NotYet as behind:
            raise try_again("run", 1, f"the read models: {behind}") from behind


def summary(run_id: RunId, outcomes: Sequence[tuple[str, str, str | None]]) -> StatementCompleted:
    """What a run came to: account, outcome and digest of the document, by account."""
    digest = hashlib.sha256()
    counts = dict.fromkeys(("delivered", "made", "skipped", "failed"), 0)
    for account_id, outcome, sha256 in outcomes:
        counts[outcome] += 1
        digest.update(f"{account_id} {outcome} {sha256 or '-'}\n".encode())
    return StatementCompleted(
        run_id=run_id, total=len(outcomes), digest=digest.hexdigest(), **counts
    )


def _envelope(run: RunFound, completed: StatementCompleted) -> Envelope:
    return Envelope(
        tenant=run.tenant,
        command=CompleteStatementRun(stream_id=StreamId(run.stream_id), completed=completed),
        actor=f"saga:{this_workflow()}",
        correlation_id=run.cause.correlation_id,
        identity=BusIdentity(CONSUMER, run.started.run_id, "end"),
        payload_hash=bytes.fromhex(completed.digest),
        causation_id=run.started.run_id,
        traceparent=spans.within(run.cause.traceparent),
    )
