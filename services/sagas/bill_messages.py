"""What travels through Temporal for bills and periods: references, and what others signal."""

from datetime import datetime

import msgspec

from contracts.bill_views import BillStatus


class ItemAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line item that somebody signals: `amount` is a decimal string; the key names it."""

    key: str
    amount: str
    currency: str
    description: str = ""
    quantity: int = 1


class CloseAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody signals that a bill is to be closed."""

    reason: str = ""


class BillWork(msgspec.Struct, frozen=True, kw_only=True):
    """The bill that a workflow is about."""

    tenant: str
    bill_id: str


class AddToBill(msgspec.Struct, frozen=True, kw_only=True):
    """Add what was signalled."""

    tenant: str
    bill_id: str
    item: ItemAsked


class CloseBillWork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Close a bill: at its end, with its period, or because somebody signals it."""

    tenant: str
    bill_id: str
    closed_by: str
    reason: str = ""


class BillStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as it stands; `is_period_over`: it is in a period that has ended."""

    status: BillStatus
    customer_id: str
    currency: str
    month_number: int
    """Year and month of its beginning, YYYYMM."""
    item_count: int
    total_minor: int
    starts_at: datetime
    ends_at: datetime | None
    is_period_over: bool


class PeriodWork(msgspec.Struct, frozen=True, kw_only=True):
    """The billing period that a workflow is about."""

    tenant: str
    period_id: str


class PeriodStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A billing period as it stands."""

    customer_id: str
    ends_at: datetime
    is_over: bool
