"""What travels through Temporal for bills and periods: references, and what others signal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from contracts.bill_views import BillStatus

ITEMS_TOGETHER_MAX: Final = 200
"""So many signalled items are one activity."""
DESCRIPTION_LETTERS_MAX: Final = 1_024


class ItemAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line item that somebody signals: `amount` is a decimal string; the key names it.

    The worker drops a signal that is none of these, and says so in its log.
    """

    key: Annotated[str, Meta(pattern=r"^[!-~](?:[ -~]{0,253}[!-~])?\Z")]
    amount: Annotated[str, Meta(pattern=r"^(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?\Z")]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    description: Annotated[str, Meta(max_length=DESCRIPTION_LETTERS_MAX)] = ""
    quantity: Annotated[int, Meta(ge=1)] = 1


class CloseAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody signals that a bill is to be closed."""

    reason: Annotated[str, Meta(max_length=255)] = ""


class BillWork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bill that a workflow is about, and what was signalled to the history before this one."""

    tenant: str
    bill_id: str
    items: tuple[ItemAsked, ...] = ()
    close: CloseAsked | None = None

    def bare(self) -> "BillWork":
        """The bill alone: an activity wants no more."""
        return BillWork(tenant=self.tenant, bill_id=self.bill_id)

    def carrying(self, items: Sequence[ItemAsked], close: CloseAsked | None) -> "BillWork":
        """The work of the next history."""
        return msgspec.structs.replace(self, items=tuple(items), close=close)


class AddToBill(msgspec.Struct, frozen=True, kw_only=True):
    """Add what was signalled, in its order."""

    tenant: str
    bill_id: str
    items: tuple[ItemAsked, ...]


class CloseBillWork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Close a bill: at its end, with its period, or because somebody signals it."""

    tenant: str
    bill_id: str
    closed_by: str
    reason: str = ""


class BillStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as it stands; `is_period_over`: it is in a period that has ended.

    `is_finishable`: its charge has an end, or what it needed attention for is paid.
    """

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
    is_finishable: bool


class PeriodWork(msgspec.Struct, frozen=True, kw_only=True):
    """The billing period that a workflow is about."""

    tenant: str
    period_id: str


class PeriodStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A billing period as it stands."""

    customer_id: str
    ends_at: datetime
    is_over: bool
