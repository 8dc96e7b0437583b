"""Accrual policies: by what factor a line item counts, by how late in its period it was added.

A tenant may choose one for each surface; a new policy is a struct of its own with a `factor`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from contracts.bill import BillSurface


class NoAccrual(msgspec.Struct, frozen=True, kw_only=True, tag_field="policy", tag="none"):
    """Everything counts as it is."""

    def factor(self, _began_at: datetime, _added_at: datetime) -> Decimal | None:
        """Nothing to multiply by."""
        return None


class StepAccrual(msgspec.Struct, frozen=True, kw_only=True, tag_field="policy", tag="step"):
    """What is added more than so many hours after the beginning counts so many times."""

    times: Decimal
    after_hours: int

    def __post_init__(self) -> None:
        """Raises ValueError for a factor that would take back what was added."""
        if not self.times.is_finite() or self.times <= 0:
            raise ValueError(f"times must be more than zero, not {self.times}")

    def factor(self, began_at: datetime, added_at: datetime) -> Decimal | None:
        """The factor: 1 until then."""
        is_late = added_at - began_at > timedelta(hours=self.after_hours)
        return self.times if is_late else Decimal("1.0")


AccrualPolicy = NoAccrual | StepAccrual
Policies = Mapping[str, AccrualPolicy]
"""By surface, as a tenant has chosen."""

DEFAULTS: Final[Mapping[BillSurface, AccrualPolicy]] = {
    BillSurface.PERIODS: StepAccrual(times=Decimal("2.5"), after_hours=24),
    BillSurface.MONTHLY: NoAccrual(),
    BillSurface.DATED: NoAccrual(),
}


def policy_of(surface: BillSurface, chosen: Policies) -> AccrualPolicy:
    """The policy of a surface: the tenant's own, or the default."""
    return chosen.get(surface, DEFAULTS[surface])
