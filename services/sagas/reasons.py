"""Which adjustment each reason of a payer is; one that is not listed is for a person to decide."""

from typing import Final

from contracts.adjustment import AdjustmentReason

BY_REASON: Final = {
    "CONTRACTUAL": AdjustmentReason.CONTRACTUAL,
    "CHARITY": AdjustmentReason.CHARITY,
    "BAD_DEBT": AdjustmentReason.BAD_DEBT,
    "COURTESY": AdjustmentReason.COURTESY,
    "CORRECTION": AdjustmentReason.CORRECTION,
    # Claim adjustment group codes of X12 835: a contractual obligation; corrections and reversals.
    "CO": AdjustmentReason.CONTRACTUAL,
    "CR": AdjustmentReason.CORRECTION,
}


def reason_of(reason: str) -> AdjustmentReason | None:
    """The adjustment that a payer's reason means, in any case of letters, or None."""
    return BY_REASON.get(reason.upper())
