"""The activities of bills: each is a command, under an identity of its own."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog
from temporalio import activity

from contracts.bill import ClosedBy
from contracts.bill_views import BillStatus
from contracts.ids import BillId, PaymentId, split_event_id
from contracts.private import Private
from domain import invoice, naming
from domain.bill import ActivateBill, CloseBill, FinishBill, RetryBill
from domain.bill_adding import AddLineItem
from domain.bill_states import AttentionRequired, Closed, Closing, Known
from domain.card import Initiated
from domain.line_item import NewLineItem
from domain.period import Over, Running
from services.bills.keys import hash_of, sent_item
from services.calendar import read_calendar
from services.execute.envelope import BusIdentity, Envelope, Refused
from services.execute.executor import Executor
from services.sagas import waits
from services.sagas.bill_messages import (
    AddToBill,
    BillStanding,
    BillWork,
    CloseBillWork,
    ItemAsked,
)
from services.sagas.bill_steps import read_bill_source, require_attention, take_step
from services.sagas.ledger import Source, read_states
from services.sagas.pulse import heartbeats
from services.sagas.steps import this_workflow, try_again
from services.sealing import Keys, make_keys, seal
from services.tenant_view import tenant_view

ITEMS_OF_BILLS: Final = "bills"
"""The inbox of line items by their keys, which the HTTP surfaces share."""

_log = structlog.get_logger()


class Billing:
    """Works on bills; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool) -> None:
        self._executor = executor
        self._pool = pool

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """All of them."""
        return (self.look, self.activate, self.close, self.finish, self.add)

    @activity.defn(name="look_at_bill")
    async def look(self, work: BillWork) -> BillStanding:
        """Where a bill stands; its workflow is woken by what a bill that is frozen waits for."""
        bill: Known = (await self._source(work)).state
        is_finishable = await self._is_finishable(work.tenant, bill)
        async with tenant_view(self._pool, work.tenant) as connection:
            zone = (await read_calendar(connection)).zone()
            is_over = await _is_period_over(connection, work.tenant, bill)
        # A month stays what it was made for, also where the tenant has moved its time zone.
        begins = bill.month or f"{bill.starts_at.astimezone(zone):%Y-%m}"
        return BillStanding(
            status=BillStatus(str(type(bill).__struct_config__.tag)),
            customer_id=bill.customer_id,
            currency=bill.currency,
            month_number=int(begins.replace("-", "")),
            item_count=bill.item_count,
            total_minor=bill.total_minor,
            starts_at=bill.starts_at,
            ends_at=bill.ends_at,
            is_period_over=is_over,
            is_finishable=is_finishable,
        )

    @activity.defn(name="activate_bill")
    async def activate(self, work: BillWork) -> None:
        """The bill's start has come."""
        source = await self._source(work)
        command = ActivateBill(bill_id=BillId(work.bill_id), account_id=source.state.account_id)
        outcome = await take_step(self._executor, source, "activate", command)
        if isinstance(outcome, Refused):
            # The ledger's clock is behind Temporal's: in a moment its time has come, too.
            raise try_again("bills", 1, outcome.detail)

    @activity.defn(name="close_bill")
    async def close(self, work: CloseBillWork) -> None:
        """Close it; what cannot be closed as things are is for somebody to look at."""
        source = await read_bill_source(self._pool, work.tenant, work.bill_id)
        command = CloseBill(
            bill_id=BillId(work.bill_id),
            account_id=source.state.account_id,
            closed_by=ClosedBy(work.closed_by),
            reason=await self._seal(work.tenant, source.state, work.reason),
        )
        outcome = await take_step(self._executor, source, f"close/{work.closed_by}", command)
        if isinstance(outcome, Refused):
            await require_attention(self._executor, source, outcome, attempt=0)

    @activity.defn(name="finish_bill")
    async def finish(self, work: BillWork) -> None:
        """Close what is frozen once its charge has an end, and what needed attention once it is
        paid."""
        async with heartbeats():
            source = await self._source(work)
            match source.state:
                case Closing(payment_id=str()):
                    await self._finish(source)
                case AttentionRequired():
                    await self._retry(source)
                case _:
                    pass  # Somebody else was there first.

    @activity.defn(name="add_line_items")
    async def add(self, work: AddToBill) -> None:
        """Add what was signalled, each once under its key; a refusal is said in the log alone."""
        source = await read_bill_source(self._pool, work.tenant, work.bill_id)
        subject = naming.bill_customer(source.state.customer_id)
        keys = await make_keys(self._pool, work.tenant, [subject])
        envelopes = [_envelope(source, asked, keys) for asked in work.items]
        outcomes = await self._executor.execute_all(envelopes)
        refused = [
            (asked, outcome)
            for asked, outcome in zip(work.items, outcomes, strict=True)
            if isinstance(outcome, Refused)
        ]
        again = [outcome for _, outcome in refused if outcome.transient]
        if again:
            raise try_again("line items", len(again), again[0].detail)
        _say(source, refused)

    async def _finish(self, source: Source) -> None:
        bill: Closing = source.state
        command = FinishBill(
            bill_id=BillId(source.stream_id),
            account_id=bill.account_id,
            payment_id=PaymentId(bill.payment_id or ""),
        )
        outcome = await take_step(self._executor, source, f"finish/{bill.attempt}", command)
        if isinstance(outcome, Refused):
            await require_attention(self._executor, source, outcome, attempt=bill.attempt)

    async def _retry(self, source: Source) -> None:
        bill: AttentionRequired = source.state
        command = RetryBill(bill_id=BillId(source.stream_id), account_id=bill.account_id)
        outcome = await take_step(self._executor, source, f"retry/{bill.attempt}", command)
        if isinstance(outcome, Refused):
            raise try_again("bills", 1, outcome.detail)

    async def _is_finishable(self, tenant: str, bill: Known) -> bool:
        """Whether what a frozen bill waits for has happened; if not, its workflow is woken."""
        match bill:
            case Closing(payment_id=str(payment_id)):
                payment = await self._state_awaited(tenant, payment_id)
                return not isinstance(payment, Initiated) or payment.failed is not None
            case AttentionRequired(invoice_id=str(invoice_id)):
                owed = await self._state_awaited(tenant, invoice_id)
                return isinstance(owed, invoice.Paid)
            case Closed():
                await waits.forget_workflow(self._pool, tenant, this_workflow())
            case _:
                pass
        return False

    async def _state_awaited(self, tenant: str, stream_id: str) -> Any:
        """Where a stream stands; registered before it is read, so that no wake is missed."""
        await waits.register(self._pool, tenant, [stream_id], this_workflow())
        async with tenant_view(self._pool, tenant) as connection:
            return (await read_states(connection, tenant, [stream_id])).get(stream_id)

    async def _source(self, work: BillWork) -> Source:
        return await read_bill_source(self._pool, work.tenant, work.bill_id)

    async def _seal(self, tenant: str, bill: Known, text: str) -> Private | None:
        subject = naming.bill_customer(bill.customer_id)
        if not text:
            return None
        return seal(await make_keys(self._pool, tenant, [subject]), tenant, subject, text)


def _envelope(source: Source, asked: ItemAsked, keys: Keys) -> Envelope:
    bill_id, bill = BillId(source.stream_id), source.state
    subject = naming.bill_customer(bill.customer_id)
    said = asked.description
    item = NewLineItem(
        line_item_id=naming.line_item_id(bill_id, asked.key),
        unit_amount=asked.amount,
        currency=asked.currency,
        quantity=asked.quantity,
        description=seal(keys, source.tenant, subject, said) if said else None,
        idempotency_key=asked.key,
    )
    return Envelope(
        tenant=source.tenant,
        command=AddLineItem(bill_id=bill_id, account_id=bill.account_id, item=item),
        actor=f"saga:{this_workflow()}",
        correlation_id=source.cause.correlation_id,
        identity=BusIdentity(ITEMS_OF_BILLS, bill_id, asked.key),
        payload_hash=hash_of(sent_item(item, said)),
    )


def _say(source: Source, refused: Sequence[tuple[ItemAsked, Refused]]) -> None:
    for asked, outcome in refused:
        _log.warning(
            "a line item that was signalled is refused",
            tenant=source.tenant,
            bill_id=source.stream_id,
            key=asked.key,
            code=outcome.code,
            reason=outcome.detail,
        )


async def _is_period_over(connection: Any, tenant: str, bill: Known) -> bool:
    """Whether a bill is in a period that was closed: it may have been made that very moment."""
    if bill.period_id is None:
        return False
    stream_id, _ = split_event_id(bill.period_id)
    state = (await read_states(connection, tenant, [stream_id])).get(stream_id)
    return isinstance(state, Over) or (
        isinstance(state, Running) and state.period_id != bill.period_id
    )


def is_due(instant: datetime | None, now: datetime) -> bool:
    """Whether an instant has come."""
    return instant is not None and instant <= now
