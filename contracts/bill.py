"""What happens to a bill: line items accrue over a period, then it closes and is owed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import AccountEvent, Posted
from contracts.ids import BillId, InvoiceId, LineItemId, PaymentId, PeriodId
from contracts.money import Currency, Money
from contracts.private import Private

Instant = Annotated[datetime, Meta(tz=True)]
Month = Annotated[str, Meta(description="local calendar month, YYYY-MM", examples=["2025-09"])]


class BillSurface(StrEnum):
    """Which of the HTTP surfaces a bill was made by: it decides how it begins and ends."""

    MONTHLY = "monthly"
    PERIODS = "periods"
    DATED = "dated"


class BillCreated(AccountEvent, frozen=True, kw_only=True):
    """A bill was made for a customer, in one currency."""

    bill_id: BillId
    surface: BillSurface
    customer_id: Annotated[
        str, Meta(description="as its surface knows the customer; of `dated` the bill itself")
    ]
    facility: str
    currency: Currency
    created_at: Instant
    starts_at: Annotated[Instant, Meta(description="it is pending before that")]
    ends_at: Annotated[
        Instant | None, Meta(description="when it closes by itself; null: by hand alone")
    ] = None
    month: Annotated[Month | None, Meta(description="of a monthly bill")] = None
    period_id: Annotated[
        PeriodId | None, Meta(description="the customer's period that it belongs to")
    ] = None
    idempotency_key: Annotated[
        str | None, Meta(description="the key that it was asked for under")
    ] = None


class BillActivated(AccountEvent, frozen=True, kw_only=True):
    """The bill's start has come: it takes line items."""

    bill_id: BillId
    activated_at: Instant


class ConvertedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """What a line item was before it was converted into its bill's currency."""

    amount: Annotated[str, Meta(description="decimal string, before rate and accrual factor")]
    currency: Currency
    rate: Annotated[str, Meta(description="decimal string; the quotient of an inverse is rounded")]


class BillLineItemAdded(AccountEvent, frozen=True, kw_only=True):
    """A line item was added; its amount in the bill's currency is final."""

    bill_id: BillId
    line_item_id: LineItemId
    number: Annotated[int, Meta(description="its place on the bill, from 1")]
    amount: Annotated[Money, Meta(description="what it adds to the total, rounded once")]
    unit_amount: Annotated[str, Meta(description="decimal string, as it was sent")]
    currency: Annotated[Currency, Meta(description="of the unit amount")]
    quantity: int = 1
    added_at: Instant
    incurred_at: Instant
    description: Private | None = None
    converted_from: ConvertedFrom | None = None
    accrual_factor: Annotated[
        str | None, Meta(description="decimal string; null: none was applied")
    ] = None
    idempotency_key: Annotated[
        str | None, Meta(description="names the item on this bill, for ever")
    ] = None
    reference: Annotated[
        str | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
    belongs_to: Annotated[
        Month | None, Meta(description="the month it is for, whose bill was closed by then")
    ] = None


class ClosedBy(StrEnum):
    """What had a bill close."""

    REQUEST = "request"
    END = "end"
    PERIOD = "period"
    RETRY = "retry"


class BillClosing(Posted, frozen=True, kw_only=True):
    """The lines are frozen; with a payment the bill is closed once that has an end.

    Then its invoice is issued and it is owed from now on: the postings of its fees are here, and
    `bill.closed` has none. Without one they are in `bill.closed`, of the same transaction.
    """

    bill_id: BillId
    closing_at: Instant
    closed_by: ClosedBy
    reason: Private | None = None
    attempt: Annotated[int, Meta(description="1, and one more for each retry")]
    item_count: int
    total: Money
    lines_digest: Annotated[
        str,
        Meta(
            description="a chain over the line items in their order, from an empty text: the"
            " SHA-256 in hex of the digest before, a blank, the item's id, a blank, its minor units"
        ),
    ]
    invoice_id: Annotated[
        InvoiceId | None,
        Meta(description="the invoice that it is owed by; null where none is issued"),
    ] = None
    payment_id: Annotated[
        PaymentId | None, Meta(description="the charge of the customer's saved card")
    ] = None


class BillClosed(Posted, frozen=True, kw_only=True):
    """The bill is final: the customer owes its total, which is fee revenue.

    It has no postings where the bill was charged: `bill.closing` has them.
    """

    bill_id: BillId
    closed_at: Instant
    item_count: int
    total: Money
    lines_digest: str
    invoice_id: InvoiceId | None = None


class BillAttentionRequired(AccountEvent, frozen=True, kw_only=True):
    """The bill could not be finalised: somebody has to mend what stands against it, then retry."""

    bill_id: BillId
    at: Instant
    code: Annotated[str, Meta(description="why, in a word", examples=["card_declined"])]
    detail: Annotated[str, Meta(description="what is wrong and what to do about it")]
