"""Reports over HTTP: the trial balance."""

from datetime import date
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.views import TrialBalance
from projections.general_ledger_queries import trial_balance
from services.api.auth import READ_REPORTS
from services.api.parameters import check_period
from services.api.reading import Reading
from services.api.routes import query


@query("/reports/trial-balance", "general_ledger", summary="Trial balance", scope=READ_REPORTS)
async def get_trial_balance(
    reading: NamedDependency[Reading],
    booked_from: Annotated[
        date | None, QueryParameter(required=False, description="first posting date, inclusive")
    ] = None,
    booked_to: Annotated[
        date | None, QueryParameter(required=False, description="last posting date, inclusive")
    ] = None,
) -> TrialBalance:
    """What was debited and credited on each GL account, by currency; the totals balance."""
    check_period(("booked_from", booked_from), ("booked_to", booked_to))
    async with reading.connection() as connection:
        return await trial_balance(connection, booked_from=booked_from, booked_to=booked_to)
