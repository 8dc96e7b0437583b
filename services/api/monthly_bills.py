"""Bills of calendar months: `/api/v1/customers/…/bills`, as existing clients speak it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from contracts.bill import BillLineItemAdded, BillSurface
from contracts.money import MoneyInvalid, format_minor, parse_minor
from domain import naming
from domain.bill import CloseBill
from domain.bill_adding import AddLineItem
from domain.bill_making import CreateBill
from domain.bill_states import Active, AttentionRequired, Closed, Closing, Known, Pending
from domain.line_item import NewLineItem
from services.api.bill_calls import READ_BILLS, BillCall, Details, key_of
from services.api.bill_fields import CustomerPath, check_customer
from services.api.monthly_bill_bodies import (
    MONTH_LETTERS,
    AddMonthlyItemRequest,
    CloseMonthlyBillRequest,
    CreateMonthlyBillRequest,
    Month,
    MonthlyAmount,
    MonthlyBill,
    MonthlyBillRow,
    MonthlyBills,
    MonthlyItem,
    MonthlyStatus,
)
from services.api.parameters import MONTH
from services.api.problems import Problem, invalid
from services.api.routes import answered, command, query
from services.bills.reading import NEWEST, FoundBill, read_bills

_ROOT: Final = "/api/v1/customers/{customer_id:str}/bills"
_TAG: Final = "monthly bills"
PeriodPath = Annotated[
    str,
    PathParameter(
        description="calendar month of the bill",
        schema_extra={"pattern": MONTH, "maxLength": MONTH_LETTERS, "examples": ["2025-09"]},
    ),
]
MonthFrom = Annotated[
    str | None,
    QueryParameter(
        name="from",
        required=False,
        description="first month",
        pattern=MONTH,
        max_length=MONTH_LETTERS,
    ),
]
MonthTo = Annotated[
    str | None,
    QueryParameter(
        name="to",
        required=False,
        description="last month",
        pattern=MONTH,
        max_length=MONTH_LETTERS,
    ),
]


STATUS: Final[dict[type, MonthlyStatus]] = {
    Pending: MonthlyStatus.OPEN,
    Active: MonthlyStatus.OPEN,
    Closing: MonthlyStatus.PENDING,
    Closed: MonthlyStatus.CLOSED,
    AttentionRequired: MonthlyStatus.ERROR,
}


@command(
    _ROOT,
    CreateBill,
    summary="Make a monthly bill",
    codes=("CURRENCY_UNSUPPORTED", "ALREADY_EXISTS", "NOT_FOUND"),
    of_account=False,
    tag=_TAG,
)
async def create_monthly_bill(
    data: JSONBody[CreateMonthlyBillRequest],
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
) -> Response[MonthlyBill]:
    """One per customer and calendar month. It closes as the month ends; one of a month that is
    over stays open until it is closed."""
    check_customer(customer_id)
    tenant, month = bill_call.tenant, data.billing_period
    bill_id = naming.monthly_bill_id(tenant, customer_id, month)
    with _named(bill_id, _name(customer_id, month)):
        made = await bill_call.done(
            data,
            CreateBill(
                bill_id=bill_id,
                account_id=naming.bill_account_id(tenant, customer_id, data.currency),
                customer_id=customer_id,
                surface=BillSurface.MONTHLY,
                currency=data.currency,
                month=month,
                idempotency_key=key_of(bill_call),
            ),
        )
    location = f"/api/v1/customers/{quote(customer_id, safe='')}/bills/{month}"
    answer = await _answer(bill_call, *await bill_call.look(bill_id))
    return answered(answer, made, Location=location)


@command(
    f"{_ROOT}/{{period:str}}/items",
    AddLineItem,
    summary="Add to a monthly bill",
    codes=("NOT_FOUND", "STATE_CONFLICT", "IDEMPOTENCY_KEY_REQUIRED"),
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def add_monthly_item(
    data: JSONBody[AddMonthlyItemRequest],
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
    period: PeriodPath,
) -> Response[MonthlyBill]:
    """The same key again is the same bill, unchanged; with another content it is refused."""
    own = key_of(bill_call)
    if None not in (data.key, own) and data.key != own:
        raise invalid("$.IdempotencyKey", "the header names another key: send one of them")
    key = data.key or own
    if key is None:
        raise Problem(
            "IDEMPOTENCY_KEY_REQUIRED",
            "send an IdempotencyKey of your own, so that a repeat does not add it twice",
        )
    found, keys = await bill_call.find_to_add(*_named_by(bill_call, customer_id, period))
    _check_amount(data.amount, found.state.currency)
    item = NewLineItem(
        line_item_id=bill_call.item_id(found.bill_id, key),
        unit_amount=data.amount,
        currency=found.state.currency,
        description=bill_call.seal_under(keys, found.state, data.description),
        idempotency_key=key,
    )
    with _named(found.bill_id, _name(customer_id, period)):
        added, _ = await bill_call.add(found, item, data.description, key)
    return answered(await _answer(bill_call, *await bill_call.look(found.bill_id, NEWEST)), added)


@command(
    f"{_ROOT}/{{period:str}}/close",
    CloseBill,
    summary="Close a monthly bill",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def close_monthly_bill(
    bill_call: NamedDependency[BillCall], customer_id: CustomerPath, period: PeriodPath
) -> Response[MonthlyBill]:
    """Closes once. With a saved card it is `PENDING` while the charge takes its time."""
    found = await _find(bill_call, customer_id, period)
    with _named(found.bill_id, _name(customer_id, period)):
        done, closed = await bill_call.close(CloseMonthlyBillRequest(), found, None)
    details = await bill_call.details([closed], NEWEST)
    return answered(await _answer(bill_call, closed, details), done)


@query(
    f"{_ROOT}/{{period:str}}",
    summary="Read a monthly bill",
    scope=READ_BILLS,
    codes=("NOT_FOUND",),
    tag=_TAG,
)
async def get_monthly_bill(
    bill_call: NamedDependency[BillCall], customer_id: CustomerPath, period: PeriodPath
) -> MonthlyBill:
    """The bill as it stands, with all its line items."""
    bill_id, name = _named_by(bill_call, customer_id, period)
    return await _answer(bill_call, *await bill_call.look(bill_id, what=name))


@query(
    _ROOT,
    summary="List a customer's monthly bills",
    scope=READ_BILLS,
    codes=("NOT_FOUND",),
    tag=_TAG,
)
async def list_monthly_bills(
    bill_call: NamedDependency[BillCall],
    customer_id: CustomerPath,
    status: Annotated[
        MonthlyStatus | None,
        QueryParameter(required=False, description="only those in this state"),
    ] = None,
    month_from: MonthFrom = None,
    month_to: MonthTo = None,
) -> MonthlyBills:
    """By month, the oldest first."""
    check_customer(customer_id)
    async with bill_call.reading() as connection:
        found = await read_bills(
            connection,
            bill_call.tenant,
            BillSurface.MONTHLY,
            customer_id,
            first=month_from or "",
            last=month_to,
        )
    rows = (_row(bill.state) for bill in found)
    return MonthlyBills(bills=tuple(row for row in rows if status in (None, row.status)))


async def _find(call: BillCall, customer_id: str, month: str) -> FoundBill:
    return await call.find(*_named_by(call, customer_id, month))


def _named_by(call: BillCall, customer_id: str, month: str) -> tuple[str, str]:
    """The id of a bill, and what this surface calls it; raises Problem."""
    check_customer(customer_id)
    try:
        msgspec.convert(month, Month)
    except msgspec.ValidationError:
        raise invalid("path:period", "a calendar month, such as 2025-09") from None
    return naming.monthly_bill_id(call.tenant, customer_id, month), _name(customer_id, month)


def _check_amount(amount: str, currency: str) -> None:
    try:
        parse_minor(amount, currency)
    except MoneyInvalid as wrong:
        raise invalid("$.amount", str(wrong)) from None


@contextmanager
def _named(bill_id: str, name: str) -> Iterator[None]:
    """What is refused is told of the bill by the name that this surface has for it."""
    try:
        yield
    except Problem as problem:
        problem.detail = re.sub(rf"(bill )?\b{bill_id}\b", name, problem.detail)
        raise


def _name(customer_id: str, month: str | None) -> str:
    return f"bill/{customer_id}/{month}"


async def _answer(call: BillCall, found: FoundBill, details: Details) -> MonthlyBill:
    bill = found.state
    items = details.items.get(found.bill_id, [])
    texts = await call.texts(details.keys, [item.description for item in items])
    return MonthlyBill(
        id=_name(bill.customer_id, bill.month),
        customer_id=bill.customer_id,
        currency=bill.currency,
        billing_period=bill.month or "",
        status=STATUS[type(bill)],
        items=tuple(_items(items, texts)),
        total=format_minor(bill.total_minor, bill.currency),
        created_at=bill.created_at,
        updated_at=bill.updated_at,
        closed_at=bill.closed_at if isinstance(bill, Closed) else None,
        item_count=bill.item_count if len(items) < bill.item_count else None,
    )


def _items(items: Sequence[BillLineItemAdded], texts: Sequence[str]) -> Any:
    for item, text in zip(items, texts, strict=True):
        yield MonthlyItem(
            idempotency_key=item.idempotency_key or item.line_item_id,
            description=text,
            amount=MonthlyAmount(value=item.amount.amount, currency=item.amount.currency),
            added_at=item.added_at,
        )


def _row(bill: Known) -> MonthlyBillRow:
    return MonthlyBillRow(
        id=_name(bill.customer_id, bill.month),
        customer_id=bill.customer_id,
        currency=bill.currency,
        billing_period=bill.month or "",
        status=STATUS[type(bill)],
        item_count=bill.item_count,
        total=format_minor(bill.total_minor, bill.currency),
    )


ROUTES: Final = (
    create_monthly_bill,
    add_monthly_item,
    close_monthly_bill,
    get_monthly_bill,
    list_monthly_bills,
)
