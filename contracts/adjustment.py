"""What happens to an adjustment: a receivable corrected for a named reason."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.event import Posted
from contracts.ids import AdjustmentId, InvoiceId, RemittanceId
from contracts.money import Money
from contracts.payment import Allocation


class AdjustmentReason(StrEnum):
    """Why a receivable was corrected; it decides the account of the other side."""

    CONTRACTUAL = "CONTRACTUAL"
    CHARITY = "CHARITY"
    BAD_DEBT = "BAD_DEBT"
    COURTESY = "COURTESY"
    CORRECTION = "CORRECTION"
    INVOICE_VOID = "INVOICE_VOID"


class Direction(StrEnum):
    """A credit lowers what the customer owes, a debit raises it."""

    CREDIT = "credit"
    DEBIT = "debit"


class AdjustmentApplied(Posted, frozen=True, kw_only=True):
    """A receivable was lowered or raised without money moving."""

    adjustment_id: AdjustmentId
    reason: AdjustmentReason
    direction: Direction
    amount: Money
    invoice_id: InvoiceId | None = None
    remittance_id: RemittanceId | None = None
    allocations: Annotated[
        tuple[Allocation, ...],
        Meta(description="what a credit on the account lowered, invoice by invoice"),
    ] = ()
