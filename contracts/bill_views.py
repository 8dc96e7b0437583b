"""Bills and billing periods as queries return them."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.bill import BillSurface, ClosedBy, Month
from contracts.ids import AccountId, BillId, InvoiceId, PaymentId, PeriodId
from contracts.money import Currency, Money
from contracts.views import Instant, Position, Version, View


class BillStatus(StrEnum):
    """Where a bill is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    CLOSING = "closing"
    CLOSED = "closed"
    ATTENTION_REQUIRED = "attention_required"


class BillSummary(View, frozen=True, kw_only=True):
    """A bill without its line items."""

    bill_id: BillId
    account_id: AccountId
    surface: BillSurface
    customer_id: str
    facility: str
    currency: Currency
    status: BillStatus
    month: Month | None
    period_id: PeriodId | None
    created_at: Instant
    starts_at: Instant
    ends_at: Instant | None
    updated_at: Instant
    closed_at: Instant | None
    closed_by: ClosedBy | None
    item_count: int
    total: Money
    invoice_id: InvoiceId | None
    payment_id: PaymentId | None
    code: Annotated[str | None, Meta(description="why it needed attention, in a word")]
    detail: str | None
    version: Version
    position: Position


class BillPage(View, frozen=True, kw_only=True):
    """Bills, the latest first."""

    items: tuple[BillSummary, ...]
    cursor: str | None


class PeriodSummary(View, frozen=True, kw_only=True):
    """A billing period of a customer."""

    period_id: PeriodId
    customer_id: str
    currency: Currency
    days: int
    started_at: Instant
    ends_at: Instant
    closed_at: Instant | None
    closed_by: ClosedBy | None
