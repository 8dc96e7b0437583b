"""What happens to an adjustment: a receivable corrected for a named reason."""

from enum import StrEnum

from contracts.event import Posted
from contracts.ids import AdjustmentId, InvoiceId, RemittanceId
from contracts.money import Money


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
