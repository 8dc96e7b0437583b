"""Usage fees: which of a customer's monthly bills one goes to, read before it is decided."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from contracts.bill import BillSurface
from contracts.inbound import UsageFeeIncurred
from domain import naming
from domain.bill_adding import AddFee
from domain.bill_states import Active, Known, Pending
from domain.line_item import NewLineItem
from services.bills.reading import read_bills
from services.calendar import read_calendar
from services.execute.attempt import LedgerUnavailable
from services.execute.faults import is_away
from services.intake.reading import Readable
from services.sealing import Keys, seal
from services.tenant_view import tenant_view

Customer = tuple[str, str]
"""Tenant and customer."""


class Bills(NamedTuple):
    """A customer's monthly bills by month, and the tenant's own time zone."""

    by_month: Mapping[str, Known]
    zone: ZoneInfo


async def read_customers(pool: asyncpg.Pool, readings: Iterable[object]) -> dict[Customer, Bills]:
    """The bills of everybody whom fees of a batch are for; raises LedgerUnavailable."""
    found: dict[Customer, Bills] = {}
    for reading in readings:
        if isinstance(reading, Readable) and isinstance(reading.message, UsageFeeIncurred):
            customer = (reading.tenant, reading.message.customer)
            if customer not in found:
                found[customer] = await _read(pool, *customer)
    return found


async def _read(pool: asyncpg.Pool, tenant: str, customer_id: str) -> Bills:
    try:
        async with tenant_view(pool, tenant, readonly=True) as connection:
            bills = await read_bills(connection, tenant, BillSurface.MONTHLY, customer_id)
            calendar = await read_calendar(connection)
    except Exception as fault:
        if is_away(fault):
            raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault
        raise
    return Bills({bill.state.month or "": bill.state for bill in bills}, calendar.zone())


def add_fee(readable: Readable, message: UsageFeeIncurred, keys: Keys, bills: Bills) -> AddFee:
    """The fee for the bill of its local month, or the next one that is open.

    What may follow the month are the bills that there are, this month's and the next one's.
    """
    tenant, customer_id, event = readable.tenant, message.customer, readable.event
    own = f"{message.incurred_at.astimezone(bills.zone):%Y-%m}"
    months = [own, *sorted(month for month in _later(bills) if month > own)]
    target = next((month for month in months if _takes(bills.by_month.get(month))), own)
    known = bills.by_month.get(target)
    currency = known.currency if known else message.currency
    account_id = naming.bill_account_id(tenant, customer_id, currency)
    of_account = (
        month
        for month in months
        if month >= target and _currency(bills, month, currency) == currency
    )
    named = tuple(dict.fromkeys((own, *of_account)))
    subject = naming.bill_customer(customer_id)
    return AddFee(
        customer_id=customer_id,
        account_id=account_id,
        currency=currency,
        months=named,
        bill_ids=tuple(naming.monthly_bill_id(tenant, customer_id, month) for month in named),
        item=NewLineItem(
            line_item_id=naming.fee_item_id(tenant, event.source, event.id),
            unit_amount=message.amount,
            currency=message.currency,
            description=seal(keys, tenant, subject, message.description),
            reference=message.reference,
            incurred_at=message.incurred_at.astimezone(UTC),
        ),
    )


def _later(bills: Bills) -> set[str]:
    now = datetime.now(bills.zone)
    following = f"{now.year + now.month // 12:04d}-{now.month % 12 + 1:02d}"
    return {*bills.by_month, f"{now:%Y-%m}", following}


def _takes(bill: Known | None) -> bool:
    if bill is None:
        return True
    is_over = bill.ends_at is not None and bill.ends_at <= datetime.now(UTC)
    return isinstance(bill, Pending | Active) and not is_over


def _currency(bills: Bills, month: str, otherwise: str) -> str:
    bill = bills.by_month.get(month)
    return bill.currency if bill else otherwise
