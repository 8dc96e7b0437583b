"""The open bills of a period that is over, closed in one go."""

import asyncpg

from contracts.bill import BillSurface, ClosedBy
from domain.bill import CloseBill
from domain.bill_states import Active, Pending
from services.bills.reading import FoundBill, read_bills
from services.execute.envelope import Envelope, Outcome
from services.execute.executor import Executor
from services.tenant_view import tenant_view


async def open_bills_of_period(
    pool: asyncpg.Pool, *, tenant: str, customer_id: str, period_id: str
) -> list[FoundBill]:
    """The bills of a customer's period that nobody has closed; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        bills = await read_bills(connection, tenant, BillSurface.PERIODS, customer_id)
    return [
        bill
        for bill in bills
        if bill.state.period_id == period_id and isinstance(bill.state, Pending | Active)
    ]


async def close_open_bills(
    executor: Executor,
    pool: asyncpg.Pool,
    *,
    tenant: str,
    customer_id: str,
    period_id: str,
    actor: str,
    correlation_id: str,
) -> list[tuple[FoundBill, Outcome]]:
    """Close them, each for itself, and say what became of each; raises LedgerUnavailable.

    One that somebody else closes meanwhile is refused, which is as good.
    """
    bills = await open_bills_of_period(
        pool, tenant=tenant, customer_id=customer_id, period_id=period_id
    )
    envelopes = [
        Envelope(
            tenant=tenant,
            command=CloseBill(
                bill_id=bill.bill_id,
                account_id=bill.state.account_id,
                closed_by=ClosedBy.PERIOD,
            ),
            actor=actor,
            correlation_id=correlation_id,
        )
        for bill in bills
    ]
    outcomes = await executor.execute_all(envelopes)
    return list(zip(bills, outcomes, strict=True))
