"""Reports over HTTP from the general ledger: the trial balance and the revenue of a period."""

from datetime import date
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.calendar import check_day
from contracts.reports import Revenue
from contracts.views import TrialBalance
from projections.general_ledger_queries import trial_balance
from projections.revenue_queries import revenue
from services.api.auth import READ_REPORTS
from services.api.parameters import OfFacility, check_period
from services.api.problems import invalid
from services.api.reading import Reading
from services.api.routes import query

_FIRST = "first posting date, inclusive"
_LAST = "last posting date, inclusive"


@query("/reports/trial-balance", "general_ledger", summary="Trial balance", scope=READ_REPORTS)
async def get_trial_balance(
    reading: NamedDependency[Reading],
    booked_from: Annotated[
        date | None, QueryParameter(name="from", required=False, description=_FIRST)
    ] = None,
    booked_to: Annotated[
        date | None, QueryParameter(name="to", required=False, description=_LAST)
    ] = None,
    facility: OfFacility = None,
) -> TrialBalance:
    """What was debited and credited on each GL account, by currency; the totals balance."""
    check_period(("from", booked_from), ("to", booked_to))
    async with reading.connection() as connection:
        return await trial_balance(
            connection, booked_from=booked_from, booked_to=booked_to, facility=facility
        )


@query("/reports/revenue", "general_ledger", summary="Revenue", scope=READ_REPORTS)
async def get_revenue(
    reading: NamedDependency[Reading],
    booked_from: Annotated[date, QueryParameter(name="from", description=_FIRST)],
    booked_to: Annotated[date, QueryParameter(name="to", description=_LAST)],
    facility: OfFacility = None,
) -> Revenue:
    """What was captured, adjusted and collected from day to day, and what is outstanding then."""
    for name, day in (("from", booked_from), ("to", booked_to)):
        check_known(name, day)
    check_period(("from", booked_from), ("to", booked_to))
    async with reading.connection() as connection:
        return await revenue(
            connection, booked_from=booked_from, booked_to=booked_to, facility=facility
        )


def check_known(name: str, day: date | None) -> None:
    """Refuse a day of a query that billing does not know; raises Problem."""
    try:
        check_day(name, day)
    except ValueError as unknown:
        raise invalid(f"query:{name}", str(unknown)) from unknown
