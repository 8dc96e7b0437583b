"""The activities of bills and billing periods: each is a command, under an identity of its own."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog
from temporalio import activity

from contracts.bill import BillCreated, ClosedBy
from contracts.bill_views import BillStatus
from contracts.catalogue import decode
from contracts.ids import BillId, PaymentId, PeriodId, StreamId, split_event_id
from contracts.period import PeriodStarted
from contracts.private import Private
from domain import naming
from domain.bill import (
    ActivateBill,
    CloseBill,
    FinishBill,
    RequireAttention,
)
from domain.bill_adding import AddLineItem
from domain.bill_states import Active, Closing, Known, Pending
from domain.card import Initiated
from domain.line_item import NewLineItem
from domain.period import ClosePeriod, Over, Running
from services.bills.closing import close_open_bills
from services.bills.keys import hash_of, sent_item
from services.calendar import read_calendar
from services.execute.envelope import BusIdentity, Envelope, Outcome, Refused
from services.execute.executor import Executor
from services.sagas import metrics
from services.sagas.bill_messages import (
    AddToBill,
    BillStanding,
    BillWork,
    CloseBillWork,
    PeriodStanding,
    PeriodWork,
)
from services.sagas.gateway import read_source
from services.sagas.ledger import Source, read_states
from services.sagas.pulse import heartbeats
from services.sagas.steps import Step, execute_steps, this_workflow, try_again, unknown
from services.sealing import make_keys, seal
from services.tenant_view import tenant_view

BILLS_QUEUE: Final = "{}-bills"
"""The task queue of what bills do: batches that take minutes keep no bill waiting."""
ITEMS_OF_BILLS: Final = "bills"
"""The inbox of line items by their keys, which the HTTP surfaces share."""

_WHAT: Final = "bill"
_log = structlog.get_logger()


class Billing:
    """Works on bills; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool) -> None:
        self._executor = executor
        self._pool = pool

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """All of them."""
        own = (self.look, self.activate, self.close, self.finish, self.add)
        return (*own, self.look_at_period, self.close_period)

    @activity.defn(name="look_at_bill")
    async def look(self, work: BillWork) -> BillStanding:
        """Where a bill stands."""
        source = await self._source(work.tenant, work.bill_id)
        bill: Known = source.state
        async with tenant_view(self._pool, work.tenant) as connection:
            zone = (await read_calendar(connection)).zone()
            is_over = await _is_period_over(connection, work.tenant, bill)
        begins = bill.starts_at.astimezone(zone)
        return BillStanding(
            status=BillStatus(str(type(bill).__struct_config__.tag)),
            customer_id=bill.customer_id,
            currency=bill.currency,
            month_number=begins.year * 100 + begins.month,
            item_count=bill.item_count,
            total_minor=bill.total_minor,
            starts_at=bill.starts_at,
            ends_at=bill.ends_at,
            is_period_over=is_over,
        )

    @activity.defn(name="activate_bill")
    async def activate(self, work: BillWork) -> None:
        """The bill's start has come."""
        source = await self._source(work.tenant, work.bill_id)
        command = ActivateBill(bill_id=BillId(work.bill_id), account_id=source.state.account_id)
        outcome = await self._do(source, "activate", command)
        if isinstance(outcome, Refused):
            # The ledger's clock is behind Temporal's: in a moment its time has come, too.
            raise try_again("bills", 1, outcome.detail)

    @activity.defn(name="close_bill")
    async def close(self, work: CloseBillWork) -> None:
        """Close it; what cannot be closed as things are is for somebody to look at."""
        source = await self._source(work.tenant, work.bill_id)
        command = CloseBill(
            bill_id=BillId(work.bill_id),
            account_id=source.state.account_id,
            closed_by=ClosedBy(work.closed_by),
            reason=await self._seal(work.tenant, source.state, work.reason or None),
        )
        outcome = await self._do(source, f"close/{work.closed_by}", command)
        await self._mind(source, outcome)

    @activity.defn(name="finish_bill")
    async def finish(self, work: BillWork) -> None:
        """Close what is frozen, once its charge has an end."""
        async with heartbeats():
            source = await self._source(work.tenant, work.bill_id)
            bill = source.state
            if not isinstance(bill, Closing) or bill.payment_id is None:
                return
            if not await self._is_paid_or_failed(work.tenant, bill.payment_id):
                raise try_again("charges of bills", 1, "the payment has no end yet")
            command = FinishBill(
                bill_id=BillId(work.bill_id),
                account_id=bill.account_id,
                payment_id=PaymentId(bill.payment_id),
            )
            outcome = await self._do(source, f"finish/{bill.attempt}", command)
            await self._mind(source, outcome)

    @activity.defn(name="add_line_item")
    async def add(self, work: AddToBill) -> None:
        """Add what was signalled, once under its key; a refusal is said in the log alone."""
        source, asked = await self._source(work.tenant, work.bill_id), work.item
        bill_id = BillId(work.bill_id)
        item = NewLineItem(
            line_item_id=naming.line_item_id(bill_id, asked.key),
            unit_amount=asked.amount,
            currency=asked.currency,
            quantity=asked.quantity,
            description=await self._seal(work.tenant, source.state, asked.description or None),
            idempotency_key=asked.key,
        )
        envelope = Envelope(
            tenant=work.tenant,
            command=AddLineItem(bill_id=bill_id, account_id=source.state.account_id, item=item),
            actor=f"saga:{this_workflow()}",
            correlation_id=source.cause.correlation_id,
            identity=BusIdentity(ITEMS_OF_BILLS, bill_id, asked.key),
            payload_hash=hash_of(sent_item(item, asked.description)),
        )
        outcome = await self._executor.execute(envelope)
        if isinstance(outcome, Refused):
            if outcome.transient:
                raise try_again("line items", 1, outcome.detail)
            _log.warning(
                "a line item that was signalled is refused",
                tenant=work.tenant,
                bill_id=bill_id,
                key=asked.key,
                code=outcome.code,
                reason=outcome.detail,
            )

    @activity.defn(name="look_at_period")
    async def look_at_period(self, work: PeriodWork) -> PeriodStanding:
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
    async def close_period(self, work: PeriodWork) -> None:
        """End a period, and close every bill in it that nobody has closed."""
        async with heartbeats():
            standing = await self.look_at_period(work)
            stream_id, _ = split_event_id(work.period_id)
            if not standing.is_over:
                await self._end_period(work, stream_id)
            closed = await close_open_bills(
                self._executor,
                self._pool,
                tenant=work.tenant,
                customer_id=standing.customer_id,
                period_id=work.period_id,
                actor=f"saga:{this_workflow()}",
                correlation_id=work.period_id,
            )
            left = 0
            for bill, outcome in closed:
                if isinstance(outcome, Refused) and outcome.transient:
                    left += 1
                elif isinstance(outcome, Refused):
                    await self._mind(await self._source(work.tenant, bill.bill_id), outcome)
            if left:
                raise try_again("bills", left, "their accounts are busy")

    async def _end_period(self, work: PeriodWork, stream_id: StreamId) -> None:
        command = ClosePeriod(
            stream_id=stream_id, closed_by=ClosedBy.END, period_id=PeriodId(work.period_id)
        )
        envelope = Envelope(
            tenant=work.tenant,
            command=command,
            actor=f"saga:{this_workflow()}",
            correlation_id=work.period_id,
            identity=BusIdentity("sagas", work.period_id, "close"),
            payload_hash=hashlib.sha256(work.period_id.encode()).digest(),
        )
        outcome = await self._executor.execute(envelope)
        if isinstance(outcome, Refused):
            raise try_again("periods", 1, outcome.detail)

    async def _is_paid_or_failed(self, tenant: str, payment_id: str) -> bool:
        async with tenant_view(self._pool, tenant) as connection:
            payment = (await read_states(connection, tenant, [payment_id])).get(payment_id)
        return not isinstance(payment, Initiated) or payment.failed is not None

    async def _source(self, tenant: str, bill_id: str) -> Source:
        return await read_source(self._pool, tenant, bill_id, BillCreated, _WHAT)

    async def _do(self, source: Source, name: str, command: Any) -> Outcome:
        (outcome,) = await execute_steps(self._executor, [Step(source, name, command)])
        if isinstance(outcome, Refused) and outcome.transient:
            raise try_again("bills", 1, outcome.detail)
        return outcome

    async def _mind(self, source: Source, outcome: Outcome) -> None:
        """Have somebody look at a bill that cannot be finalised as things are."""
        if not isinstance(outcome, Refused):
            return
        source = await self._source(source.tenant, source.stream_id)
        if not isinstance(source.state, Pending | Active | Closing):
            return  # Somebody else was there first.
        metrics.PARKED.labels(_WHAT).inc()
        _log.warning(
            "a bill needs attention",
            tenant=source.tenant,
            bill_id=source.stream_id,
            code=outcome.code,
            reason=outcome.detail,
        )
        command = RequireAttention(
            bill_id=BillId(source.stream_id),
            account_id=source.state.account_id,
            code=outcome.code,
            detail=outcome.detail,
        )
        attempt = getattr(source.state, "attempt", 0)
        await self._do(source, f"attention/{attempt}", command)

    async def _seal(self, tenant: str, bill: Known, text: str | None) -> Private | None:
        if text is None:
            return None
        subject = naming.bill_customer(bill.customer_id)
        return seal(await make_keys(self._pool, tenant, [subject]), tenant, subject, text)


async def _is_period_over(connection: Any, tenant: str, bill: Known) -> bool:
    """Whether a bill is in a period that was closed: it may have been made that very moment."""
    if bill.period_id is None:
        return False
    stream_id, _ = split_event_id(bill.period_id)
    state = (await read_states(connection, tenant, [stream_id])).get(stream_id)
    return isinstance(state, Over) or (
        isinstance(state, Running) and state.period_id != bill.period_id
    )


_PERIOD: Final = (
    "SELECT type, body FROM daybook.events WHERE tenant = $1 AND stream_id = $2 AND version = $3"
)


async def _period(connection: Any, tenant: str, stream_id: str, version: int) -> PeriodStarted:
    row = await connection.fetchrow(_PERIOD, tenant, stream_id, version)
    event = None if row is None else decode(row["type"], row["body"])
    if not isinstance(event, PeriodStarted):
        raise unknown("billing period", [f"{stream_id}-{version}"])
    return event


def is_due(instant: datetime | None, now: datetime) -> bool:
    """Whether an instant has come."""
    return instant is not None and instant <= now
