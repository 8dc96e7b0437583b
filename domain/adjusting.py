"""Against which account each reason adjusts a receivable."""

from typing import Final

from contracts.adjustment import AdjustmentReason
from contracts.ledger import GlAccount

AGAINST: Final = {
    AdjustmentReason.CONTRACTUAL: GlAccount.CONTRACTUAL,
    AdjustmentReason.COURTESY: GlAccount.COURTESY,
    AdjustmentReason.CORRECTION: GlAccount.COURTESY,
    AdjustmentReason.CHARITY: GlAccount.CHARITY,
    AdjustmentReason.BAD_DEBT: GlAccount.BAD_DEBT,
}
"""INVOICE_VOID has none: it takes back what was booked, wherever that is."""
