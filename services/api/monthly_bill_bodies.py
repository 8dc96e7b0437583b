"""What bills of calendar months send and answer, field by field."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from contracts.inbound import Id
from contracts.money import Currency
from contracts.texts import UNITS
from contracts.views import Instant
from services.api.parameters import MONTH

MONTH_LETTERS: Final = 7

Month = Annotated[
    str,
    Meta(
        pattern=MONTH, max_length=MONTH_LETTERS, description="calendar month", examples=["2025-09"]
    ),
]


class MonthlyStatus(StrEnum):
    """How this surface names the states of a bill."""

    OPEN = "OPEN"
    PENDING = "PENDING"
    CLOSED = "CLOSED"
    ERROR = "ERROR"


class CreateMonthlyBillRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Make the bill of a customer's month."""

    currency: Currency
    billing_period: Month


class AddMonthlyItemRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Add a line item, in the bill's currency."""

    description: Annotated[str, Meta(min_length=2, max_length=1_024)]
    amount: Annotated[
        str,
        Meta(
            pattern=UNITS,
            max_length=21,
            description="decimal string",
            examples=["10.50"],
        ),
    ]
    key: Annotated[
        Id | None, Meta(description="names the item on this bill; the header does as well")
    ] = msgspec.field(name="IdempotencyKey", default=None)


class CloseMonthlyBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but the wish."""


class MonthlyAmount(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An amount of a line item."""

    value: Annotated[str, Meta(examples=["10.50"])]
    currency: Currency


class MonthlyItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line item; one that came without a key is named by its id."""

    idempotency_key: str
    description: str
    amount: MonthlyAmount
    added_at: Instant


class MonthlyBill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A bill with its line items: all of them, or the newest of very many where one was added
    or it was closed, and then `itemCount` says how many there are."""

    id: Annotated[str, Meta(examples=["bill/cust-1/2025-09"])]
    customer_id: str
    currency: Currency
    billing_period: str
    status: MonthlyStatus
    items: tuple[MonthlyItem, ...]
    total: Annotated[str, Meta(description="decimal string", examples=["10.50"])]
    created_at: Instant
    updated_at: Instant
    closed_at: Instant | None = None
    item_count: Annotated[
        int | None, Meta(description="how many there are, where `items` are not all")
    ] = None


class MonthlyBillRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A bill without its line items."""

    id: str
    customer_id: str
    currency: Currency
    billing_period: str
    status: MonthlyStatus
    item_count: int
    total: str


class MonthlyBills(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's bills, by month."""

    bills: tuple[MonthlyBillRow, ...]
