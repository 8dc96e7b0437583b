"""The activities of billing periods: where one stands, and its end, which closes its bills."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import asyncpg
from temporalio import activity

from contracts.bill import ClosedBy
from contracts.catalogue import decode
from contracts.ids import PeriodId, StreamId, split_event_id
from contracts.period import PeriodStarted
from domain.period import ClosePeriod, Running
from services.bills.closing import close_open_bills
from services.execute.envelope import BusIdentity, Envelope, Refused
from services.execute.executor import Executor
from services.sagas.bill_messages import PeriodStanding, PeriodWork
from services.sagas.bill_steps import read_bill_source, require_attention
from services.sagas.ledger import read_states
from services.sagas.pulse import heartbeats
from services.sagas.steps import CONSUMER, this_workflow, try_again, unknown
from services.tenant_view import tenant_view

_PERIOD: Final = (
    "SELECT type, body FROM daybook.events WHERE tenant = $1 AND stream_id = $2 AND version = $3"
)


class PeriodEnding:
    """Ends billing periods; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool) -> None:
        self._executor = executor
        self._pool = pool

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """Both of them."""
        return (self.look, self.close)

    @activity.defn(name="look_at_period")
    async def look(self, work: PeriodWork) -> PeriodStanding:
        """Where a period stands."""
        stream_id, version = split_event_id(work.period_id)
        async with tenant_view(self._pool, work.tenant) as connection:
            started = await _period(connection, work.tenant, stream_id, version)
            state = (await read_states(connection, work.tenant, [stream_id])).get(stream_id)
        is_running = isinstance(state, Running) and state.period_id == work.period_id
        return PeriodStanding(
            customer_id=started.customer_id, ends_at=started.ends_at, is_over=not is_running
        )

    @activity.defn(name="close_period")
    async def close(self, work: PeriodWork) -> None:
        """End a period, and close every bill in it that nobody has closed."""
        async with heartbeats():
            standing = await self.look(work)
            stream_id, _ = split_event_id(work.period_id)
            if not standing.is_over:
                await self._end(work, stream_id)
            await self._close_bills(work, standing.customer_id)

    async def _close_bills(self, work: PeriodWork, customer_id: str) -> None:
        closed = await close_open_bills(
            self._executor,
            self._pool,
            tenant=work.tenant,
            customer_id=customer_id,
            period_id=work.period_id,
            actor=f"saga:{this_workflow()}",
            correlation_id=work.period_id,
        )
        refused = [(bill, each) for bill, each in closed if isinstance(each, Refused)]
        for bill, outcome in refused:
            if not outcome.transient:
                source = await read_bill_source(self._pool, work.tenant, bill.bill_id)
                await require_attention(self._executor, source, outcome, attempt=0)
        left = sum(outcome.transient for _, outcome in refused)
        if left:
            raise try_again("bills", left, "their accounts are busy")

    async def _end(self, work: PeriodWork, stream_id: StreamId) -> None:
        command = ClosePeriod(
            stream_id=stream_id, closed_by=ClosedBy.END, period_id=PeriodId(work.period_id)
        )
        envelope = Envelope(
            tenant=work.tenant,
            command=command,
            actor=f"saga:{this_workflow()}",
            correlation_id=work.period_id,
            identity=BusIdentity(CONSUMER, work.period_id, "close"),
            payload_hash=hashlib.sha256(work.period_id.encode()).digest(),
        )
        outcome = await self._executor.execute(envelope)
        if isinstance(outcome, Refused):
            raise try_again("periods", 1, outcome.detail)


async def _period(connection: Any, tenant: str, stream_id: str, version: int) -> PeriodStarted:
    row = await connection.fetchrow(_PERIOD, tenant, stream_id, version)
    event = None if row is None else decode(row["type"], row["body"])
    if not isinstance(event, PeriodStarted):
        raise unknown("billing period", [f"{stream_id}-{version}"])
    return event
