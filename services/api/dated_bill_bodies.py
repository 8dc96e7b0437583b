"""What bills with a start and an end send and answer, field by field."""

from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.bill_views import BillStatus
from contracts.calendar import check_day
from contracts.ids import BillId, LineItemId
from contracts.inbound import Instant as SentInstant
from contracts.money import MINOR_MAX, Currency
from contracts.views import Instant
from services.api.bill_fields import Number, Reason


class CreateBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Make a bill."""

    currency: Currency
    start_time: Annotated[SentInstant | None, Meta(description="null: now; not in the past")] = None
    end_time: Annotated[SentInstant, Meta(description="after the start, in the future")]

    def __post_init__(self) -> None:
        """Raises ValueError for years that billing does not know."""
        check_day("start_time", self.start_time)
        check_day("end_time", self.end_time)


class AddLineItemRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Add a line item, in the bill's currency or in one that there is a rate for."""

    currency: Currency
    amount_cents: Annotated[int, Meta(ge=1, le=MINOR_MAX, description="minor units")]
    description: Annotated[str, Meta(max_length=255)] = ""
    reference_id: Annotated[
        str,
        Meta(
            max_length=100,
            description="your own identifier, published as it is: never a person's data",
        ),
    ] = ""


class CloseBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Close a bill."""

    reason: Reason = ""


class RetryBillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but the wish."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """What a line item was in its own currency."""

    original_amount_cents: int
    original_currency: Currency
    exchange_rate: Number


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line item; `metadata` where it was converted."""

    id: LineItemId
    bill_id: BillId
    amount_cents: Annotated[int, Meta(description="minor units of the bill's currency")]
    currency: Currency
    description: str
    incurred_at: Instant
    reference_id: str
    metadata: Conversion | None
    idempotency_key: str | None
    created_at: Instant
    updated_at: Instant


class Bill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bill with its line items; in lists the newest of very many, and then `item_count` says how
    many there are."""

    id: BillId
    currency: Currency
    status: BillStatus
    close_reason: str | None
    error_message: str | None
    total_amount_cents: int
    start_time: Instant
    end_time: Instant | None
    billed_at: Instant | None
    idempotency_key: str | None
    workflow_id: str
    line_items: tuple[LineItem, ...]
    created_at: Instant
    updated_at: Instant
    item_count: Annotated[
        int | None, Meta(description="how many there are, where `line_items` are not all")
    ] = None


class BillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One bill."""

    bill: Bill


class LineItemAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One line item."""

    line_item: LineItem


class BillsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of bills, the newest first."""

    bills: tuple[Bill, ...]
    total_count: int
    limit: int
    offset: int
