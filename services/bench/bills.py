"""A bill of very many items: what adding and answering the last ones costs, beside the first."""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import asyncpg

from contracts.bill import BillSurface
from domain import naming
from domain.bill_adding import AddLineItem
from domain.bill_making import CreateBill
from domain.line_item import NewLineItem
from services.bills.reading import NEWEST, read_bill, read_items
from services.execute.envelope import BusIdentity, Done, Envelope
from services.execute.executor import Executor
from services.tenant_view import tenant_view

TENANT: Final = "bench"
CUSTOMER: Final = "cust-1"
MONTH: Final = "2025-09"
_SAMPLES: Final = 200
_BATCH: Final = 500
_MILLISECONDS: Final = 1_000

BILL_ID: Final = naming.monthly_bill_id(TENANT, CUSTOMER, MONTH)
_ACCOUNT_ID: Final = naming.bill_account_id(TENANT, CUSTOMER, "USD")


class Costs(NamedTuple):
    """Medians of single items, in milliseconds; and how fast many came together."""

    first_added: float
    last_added: float
    first_answered: float
    last_answered: float
    items_per_second: float


async def bench_bills(executor: Executor, pool: asyncpg.Pool, items: int) -> Costs:
    """Add so many items to one bill, the first and the last of them one by one."""
    made = CreateBill(
        bill_id=BILL_ID,
        account_id=_ACCOUNT_ID,
        customer_id=CUSTOMER,
        surface=BillSurface.MONTHLY,
        currency="USD",
        month=MONTH,
    )
    assert isinstance(await executor.execute(_envelope(made)), Done), "the bill is made"

    async def answer(_number: int) -> None:
        async with tenant_view(pool, TENANT, readonly=True) as connection:
            await read_bill(connection, TENANT, BILL_ID)
            await read_items(connection, TENANT, [BILL_ID], NEWEST)

    async def add(number: int) -> None:
        await executor.execute(_item(number))

    first_added = await _median(add, 0)
    first_answered = await _median(answer, 0)
    begun, left = time.perf_counter(), range(_SAMPLES, items - _SAMPLES)
    for start in range(left.start, left.stop, _BATCH):
        numbers = range(start, min(start + _BATCH, left.stop))
        await executor.execute_all([_item(number) for number in numbers])
    seconds = time.perf_counter() - begun
    last_added = await _median(add, left.stop)
    last_answered = await _median(answer, 0)
    rate = len(left) / seconds
    return Costs(first_added, last_added, first_answered, last_answered, rate)


async def _median(measured: Callable[[int], Awaitable[None]], first: int) -> float:
    taken = []
    for number in range(first, first + _SAMPLES):
        begun = time.perf_counter()
        await measured(number)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * _MILLISECONDS


def _item(number: int) -> Envelope:
    key = f"li-{number}"
    item = NewLineItem(
        line_item_id=naming.line_item_id(BILL_ID, key),
        unit_amount="2.50",
        currency="USD",
        idempotency_key=key,
    )
    command = AddLineItem(bill_id=BILL_ID, account_id=_ACCOUNT_ID, item=item)
    return _envelope(command, BusIdentity("bills", BILL_ID, key))


def _envelope(command: object, identity: BusIdentity | None = None) -> Envelope:
    return Envelope(
        tenant=TENANT,
        command=command,
        actor="bench",
        correlation_id="bench",
        identity=identity,
        payload_hash=b"",
    )
