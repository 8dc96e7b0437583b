"""The revenue of a period, from the daily totals of the general ledger."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from contracts.money import Money, half_even_ratio
from contracts.reports import FacilityRevenue, Revenue, RevenueFigures
from projections.statements import AnyConnection, sql

_REVENUE: Final = sql("general_ledger_revenue")
_FIGURES: Final = ("captured", "tax", "adjusted", "collected", "outstanding", "credit")


async def revenue(
    connection: AnyConnection, *, booked_from: date, booked_to: date, facility: str | None = None
) -> Revenue:
    """What was earned from one posting date to another, both inclusive, and is owed at the end."""
    days = (booked_to - booked_from).days + 1
    found = await connection.fetch(_REVENUE, booked_from, booked_to, facility)
    rows = [row for row in found if row["facility"] is not None]
    return Revenue(
        booked_from=booked_from,
        booked_to=booked_to,
        rows=tuple(
            FacilityRevenue(facility=row["facility"], **_figures(row["currency"], row, days))
            for row in rows
        ),
        totals={
            currency: RevenueFigures(**_figures(currency, sums, days))
            for currency, sums in sorted(_totals(rows).items())
        },
        position=found[0]["checkpoint"],
    )


def _totals(rows: Sequence[Any]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_FIGURES, 0))
    for row in rows:
        for name in _FIGURES:
            totals[row["currency"]][name] += int(row[name])
    return totals


def _figures(currency: str, sums: Any, days: int) -> dict[str, Any]:
    amounts = {name: Money.of(int(sums[name]), currency) for name in _FIGURES}
    return {
        "currency": currency,
        **amounts,
        "days_in_receivables": days_in_receivables(
            int(sums["outstanding"]), int(sums["captured"]) + int(sums["tax"]), days
        ),
    }


def days_in_receivables(outstanding_minor: int, charged_minor: int, days: int) -> str | None:
    """How many days' charges are outstanding, to a tenth; None where nothing was charged.

    Days sales outstanding: receivables / (sales on credit / days). Both with tax, since the
    receivable is. HFMA's MAP Keys have the net variant as "Net Days in Accounts Receivable".
    """
    if charged_minor <= 0:
        return None
    tenths = half_even_ratio(outstanding_minor * days * 10, charged_minor)
    whole, rest = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}.{rest}"
