"""What billing periods and the bills in them send and answer, field by field."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.charge import QUANTITY_MAX
from contracts.ids import BillId, LineItemId, PeriodId
from contracts.money import Currency
from contracts.views import Instant
from domain.period import DAYS_MAX
from services.api.bill_fields import CustomerId, Number, Reason


class PeriodBillStatus(StrEnum):
    """How this surface names the states of a bill."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class StartPeriodRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a billing period of a customer."""

    customer_id: CustomerId
    currency: Currency
    billing_period_days: Annotated[int, Meta(ge=1, le=DAYS_MAX)]


class StartedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A period that runs from now on."""

    period_id: PeriodId
    workflow_id: str
    customer_id: str
    currency: Currency
    started_at: Instant
    ends_at: Instant


class CreatePeriodBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Make a bill in the customer's running period."""

    customer_id: CustomerId
    currency: Currency


class CreatedPeriodBill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill that takes items."""

    bill_id: BillId
    workflow_id: str


class AddPeriodItemRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Add so many of something, in the bill's currency or in one that there is a rate for."""

    description: Annotated[str, Meta(min_length=1, max_length=1_024)]
    amount: Annotated[
        msgspec.Raw, Meta(extra_json_schema={"type": "number", "exclusiveMinimum": 0})
    ]
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
    currency: Currency


class PeriodItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line item; `converted_amount` is what it adds to the bill."""

    id: LineItemId
    description: str
    amount: Number
    quantity: int
    currency: Currency
    converted_amount: Number
    exchange_rate: Number
    accrual_factor: Number
    added_at: Instant


class PeriodBill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bill with its line items: all of them, or the newest of very many where one was added, in
    lists and where it was closed, and then `item_count` says how many there are."""

    id: BillId
    customer_id: str
    currency: Currency
    status: PeriodBillStatus
    items: tuple[PeriodItem, ...]
    total_amount: Number
    created_at: Instant
    closed_at: Instant | None
    close_reason: str | None
    item_count: Annotated[
        int | None, Meta(description="how many there are, where `items` are not all")
    ] = None


class AddedPeriodItem(msgspec.Struct, frozen=True, kw_only=True):
    """The line item, and its bill with it."""

    line_item: PeriodItem
    bill: PeriodBill


class ClosePeriodBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Close a bill."""

    reason: Annotated[Reason, Meta(min_length=1)]


class ClosedPeriodBill(msgspec.Struct, frozen=True, kw_only=True):
    """A closed bill, and what it comes to."""

    bill: PeriodBill
    total_amount: Number
    total_items: int
    closed_at: Instant | None


class PeriodBillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One bill."""

    bill: PeriodBill


class ListPeriodBillsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a customer's bills to list."""

    status: PeriodBillStatus | None = None


class PeriodBillsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's bills, and the sum of their totals."""

    bills: tuple[PeriodBill, ...]
    total: Number


class ClosePeriodRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but the wish."""


class ClosedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A period that is over."""

    period_id: PeriodId
    customer_id: str
