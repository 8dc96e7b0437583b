"""Billing periods and the bills in them: `/bills`, as existing clients speak it.

Amounts are JSON numbers, exact both ways: they are read from the body's own digits.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from contracts.bill import BillLineItemAdded, BillSurface, ClosedBy
from contracts.ids import BillId
from contracts.money import format_minor
from contracts.period import PeriodStarted
from domain import naming
from domain.bill import CloseBill
from domain.bill_adding import AddLineItem
from domain.bill_making import CreateBill
from domain.bill_states import Closed, Ending
from domain.line_item import NewLineItem
from domain.period import ClosePeriod, StartPeriod
from services.api.bill_calls import READ_BILLS, BillCall, Details, check_surface, key_of
from services.api.bill_fields import BillPath, CustomerPath, check_customer, number_of
from services.api.period_bill_bodies import (
    AddedPeriodItem,
    AddPeriodItemRequest,
    ClosedPeriod,
    ClosedPeriodBill,
    ClosePeriodBillRequest,
    ClosePeriodRequest,
    CreatedPeriodBill,
    CreatePeriodBillRequest,
    ListPeriodBillsRequest,
    PeriodBill,
    PeriodBillAnswer,
    PeriodBillsAnswer,
    PeriodBillStatus,
    PeriodItem,
    StartedPeriod,
    StartPeriodRequest,
)
from services.api.problems import Problem, invalid
from services.api.routes import answered, command, query
from services.bills.closing import close_open_bills
from services.bills.reading import NEWEST, FoundBill, read_bills
from services.execute.envelope import Refused

_TAG: Final = "billing periods"
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_LISTED_ITEMS_MAX: Final = 10_000
"""How many line items a list has at most, whoever has thousands of bills; one of each is shown."""
_NO_PERIOD: Final = ("NOT_FOUND", "STATE_CONFLICT")


@command(
    "/bills/startbillingperiod",
    StartPeriod,
    summary="Start a billing period",
    codes=("CURRENCY_UNSUPPORTED", "STATE_CONFLICT"),
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def start_period(
    data: JSONBody[StartPeriodRequest], bill_call: NamedDependency[BillCall]
) -> Response[StartedPeriod]:
    """One of a customer runs at a time; its end closes the bills in it."""
    stream_id = naming.periods_id(bill_call.tenant, data.customer_id)
    done = await bill_call.done(
        data,
        StartPeriod(
            stream_id=stream_id,
            customer_id=data.customer_id,
            currency=data.currency,
            days=data.billing_period_days,
        ),
    )
    started = await bill_call.ledger.last(bill_call.tenant, done)
    assert isinstance(started, PeriodStarted), "what the command recorded last"
    period = StartedPeriod(
        period_id=started.period_id,
        workflow_id=f"period/{bill_call.tenant}/{started.period_id}",
        customer_id=started.customer_id,
        currency=started.currency,
        started_at=started.started_at,
        ends_at=started.ends_at,
    )
    return answered(period, done)


@command(
    "/bills/createbill",
    CreateBill,
    summary="Make a bill in the running period",
    codes=("CURRENCY_UNSUPPORTED", *_NO_PERIOD),
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def create_period_bill(
    data: JSONBody[CreatePeriodBillRequest], bill_call: NamedDependency[BillCall]
) -> Response[CreatedPeriodBill]:
    """Any number of bills may be in a period."""
    tenant = bill_call.tenant
    bill_id = BillId(bill_call.new_id("bill"))
    done = await bill_call.done(
        data,
        CreateBill(
            bill_id=bill_id,
            account_id=naming.bill_account_id(tenant, data.customer_id, data.currency),
            customer_id=data.customer_id,
            surface=BillSurface.PERIODS,
            currency=data.currency,
            periods=naming.periods_id(tenant, data.customer_id),
            idempotency_key=key_of(bill_call),
        ),
    )
    made = BillId(done.token.rpartition("-")[0])
    answer = CreatedPeriodBill(bill_id=made, workflow_id=f"bill/{tenant}/{made}")
    return answered(answer, done)


@command(
    "/bills/addItem/{customer_id:str}/{bill_id:str}",
    AddLineItem,
    summary="Add to a bill of a period",
    codes=("CURRENCY_UNSUPPORTED", *_NO_PERIOD),
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def add_period_item(
    data: JSONBody[AddPeriodItemRequest],
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
    bill_id: BillPath,
) -> Response[AddedPeriodItem]:
    """Counts amount x quantity x rate x accrual factor, rounded once."""
    (found, keys), key = await bill_call.find_to_add(bill_id), key_of(bill_call)
    _check(found, customer_id)
    item = NewLineItem(
        line_item_id=bill_call.item_id(found.bill_id, key),
        unit_amount=_decimal(data.amount),
        currency=data.currency,
        quantity=data.quantity,
        description=bill_call.seal_under(keys, found.state, data.description),
        idempotency_key=key,
    )
    done, added = await bill_call.add(found, item, data.description, key)
    bill = await _answer(bill_call, *await bill_call.look(bill_id, NEWEST))
    (text,) = await bill_call.texts(keys, [added.description])
    return answered(AddedPeriodItem(line_item=_item(added, text), bill=bill), done)


@command(
    "/bills/close/{customer_id:str}/{bill_id:str}",
    CloseBill,
    summary="Close a bill of a period",
    codes=_NO_PERIOD,
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def close_period_bill(
    data: JSONBody[ClosePeriodBillRequest],
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
    bill_id: BillPath,
) -> Response[ClosedPeriodBill]:
    """Nothing is added to it any more."""
    found = await _find(bill_call, customer_id, bill_id)
    done, closed = await bill_call.close(data, found, data.reason)
    bill = await _answer(bill_call, closed, await bill_call.details([closed], NEWEST))
    answer = ClosedPeriodBill(
        bill=bill,
        total_amount=bill.total_amount,
        total_items=closed.state.item_count,
        closed_at=bill.closed_at,
    )
    return answered(answer, done)


@command(
    "/bills/closeBillingPeriod/{customer_id:str}",
    ClosePeriod,
    summary="Close the running billing period",
    codes=_NO_PERIOD,
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def close_period(
    bill_call: NamedDependency[BillCall], customer_id: CustomerPath
) -> Response[ClosedPeriod]:
    """Closes every open bill in it. Where an account is busy for too long (`LOCK_TIMEOUT`), the
    period is over all the same and its bills close by themselves."""
    check_customer(customer_id)
    stream_id = naming.periods_id(bill_call.tenant, customer_id)
    command_ = ClosePeriod(stream_id=stream_id, closed_by=ClosedBy.REQUEST)
    done = await bill_call.done(ClosePeriodRequest(), command_)
    closed = await bill_call.ledger.last(bill_call.tenant, done)
    outcomes = await close_open_bills(
        bill_call.dependencies.executor,
        bill_call.dependencies.writer,
        tenant=bill_call.tenant,
        customer_id=customer_id,
        period_id=closed.period_id,
        actor=bill_call.caller.actor,
        correlation_id=bill_call.correlation_id,
    )
    left = [each for _, each in outcomes if isinstance(each, Refused) and each.transient]
    if left:
        raise Problem(
            left[0].code,
            f"{left[0].detail}: the period is over, and {len(left)} of its bills, whose accounts"
            " are busy, close by themselves in a moment",
        )
    answer = ClosedPeriod(period_id=closed.period_id, customer_id=customer_id)
    return answered(answer, done)


@command(
    "/bills/listBills/{customer_id:str}",
    CreateBill,
    summary="List a customer's bills",
    codes=("NOT_FOUND",),
    of_account=False,
    status_code=200,
    scope=READ_BILLS,
    tag=_TAG,
)
async def list_period_bills(
    data: JSONBody[ListPeriodBillsRequest],
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
) -> PeriodBillsAnswer:
    """Of all its periods, the oldest first; `total` adds up amounts of whatever currency."""
    check_customer(customer_id)
    async with bill_call.reading() as connection:
        found = await read_bills(connection, bill_call.tenant, BillSurface.PERIODS, customer_id)
    listed = [bill for bill in found if data.status in (None, _status(bill))]
    newest = max(1, min(NEWEST, _LISTED_ITEMS_MAX // max(1, len(listed))))
    bills = await _answers(bill_call, listed, await bill_call.details(listed, newest))
    return PeriodBillsAnswer(bills=bills, total=number_of(_sum(listed)))


@query(
    "/bills/getBill/{customer_id:str}/{bill_id:str}",
    summary="Read a bill of a period",
    scope=READ_BILLS,
    codes=("NOT_FOUND",),
    tag=_TAG,
)
async def get_period_bill(
    bill_call: NamedDependency[BillCall], customer_id: CustomerPath, bill_id: BillPath
) -> PeriodBillAnswer:
    """The bill as it stands, with all its line items."""
    found, details = await bill_call.look(bill_id)
    _check(found, customer_id)
    return PeriodBillAnswer(bill=await _answer(bill_call, found, details))


async def _find(call: BillCall, customer_id: str, bill_id: str) -> FoundBill:
    return _check(await call.find(bill_id), customer_id)


def _check(found: FoundBill, customer_id: str) -> FoundBill:
    """A bill of this customer; raises Problem."""
    return check_surface(found, BillSurface.PERIODS, check_customer(customer_id))


def _decimal(number: msgspec.Raw) -> str:
    """The digits of a JSON number; raises Problem for anything else."""
    text = bytes(number).decode()
    if not _NUMBER.fullmatch(text):
        raise invalid("$.amount", "a number of at most 20 digits before and behind the point")
    return f"{Decimal(text):f}"


def _sum(bills: Sequence[FoundBill]) -> str:
    totals = (format_minor(bill.state.total_minor, bill.state.currency) for bill in bills)
    return str(sum(map(Decimal, totals), Decimal("0.00")))


def _status(bill: FoundBill) -> PeriodBillStatus:
    is_closed = isinstance(bill.state, Closed)
    return PeriodBillStatus.CLOSED if is_closed else PeriodBillStatus.OPEN


async def _answer(call: BillCall, found: FoundBill, details: Details) -> PeriodBill:
    (bill,) = await _answers(call, [found], details)
    return bill


async def _answers(
    call: BillCall, found: Sequence[FoundBill], details: Details
) -> tuple[PeriodBill, ...]:
    items, keys = details
    reasons = [bill.state.reason if isinstance(bill.state, Ending) else None for bill in found]
    said = [item.description for bill in found for item in items.get(bill.bill_id, ())]
    texts = iter(await call.texts(keys, [*reasons, *said]))
    closed = [next(texts) for _ in found]
    return tuple(
        _bill(bill, reason, [_item(item, next(texts)) for item in items.get(bill.bill_id, ())])
        for bill, reason in zip(found, closed, strict=True)
    )


def _bill(found: FoundBill, reason: str, items: Sequence[PeriodItem]) -> PeriodBill:
    bill = found.state
    return PeriodBill(
        id=found.bill_id,
        customer_id=bill.customer_id,
        currency=bill.currency,
        status=_status(found),
        items=tuple(items),
        total_amount=number_of(format_minor(bill.total_minor, bill.currency)),
        created_at=bill.created_at,
        closed_at=bill.closed_at if isinstance(bill, Closed) else None,
        close_reason=reason or None,
        item_count=bill.item_count if len(items) < bill.item_count else None,
    )


def _item(item: BillLineItemAdded, text: str) -> PeriodItem:
    converted = item.converted_from
    return PeriodItem(
        id=item.line_item_id,
        description=text,
        amount=number_of(item.unit_amount),
        quantity=item.quantity,
        currency=item.currency,
        converted_amount=number_of(item.amount.amount),
        exchange_rate=number_of(converted.rate if converted else "1"),
        accrual_factor=number_of(item.accrual_factor or "1"),
        added_at=item.added_at,
    )


ROUTES: Final = (
    start_period,
    create_period_bill,
    add_period_item,
    close_period_bill,
    close_period,
    list_period_bills,
    get_period_bill,
)
