"""Ageing over HTTP: the reports as last computed, their accounts, and computing them anew."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.calendar import check_day
from contracts.inbound import FACILITY, Day, FacilityCode
from contracts.reports import AgedAccounts, AgingReports
from projections.aging import find_aged_accounts, find_reports
from services.aging import DayAhead, refresh_on_demand
from services.api.auth import READ_REPORTS, SCOPE
from services.api.body import StrictJson
from services.api.dependencies import Dependencies
from services.api.outage import outage_as_problem
from services.api.parameters import Cursor, Limit, OfFacility
from services.api.problems import Lag, Problem, invalid
from services.api.reading import PROJECTIONS, Reading, tagged
from services.api.reports import check_known
from services.api.routes import problems, query
from services.tenant_view import tenant_view

AsOf = Annotated[
    date | None,
    QueryParameter(
        name="as_of",
        required=False,
        description="local date; the latest computed if left out",
    ),
]


class RefreshAgingRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Compute ageing anew."""

    facility: Annotated[FacilityCode | None, Meta(description="each one if left out")] = None
    as_of: Annotated[Day | None, Meta(description="local date; today if left out")] = None

    def __post_init__(self) -> None:
        check_day("as_of", self.as_of)


@query(
    "/reports/aging",
    "account_balances",
    summary="Ageing of receivables",
    scope=READ_REPORTS,
    codes=("NOT_FOUND",),
    tagged=True,
)
async def get_aging(
    request: Request[Any, Any, Any],
    reading: NamedDependency[Reading],
    facility: OfFacility = None,
    as_of: AsOf = None,
) -> Response[AgingReports]:
    """What is owed by days past due, as last computed: each night for the day that has ended.

    With `after=` it answers only from reports that have seen the command: compute them anew.
    """
    check_known("as_of", as_of)
    async with reading.connection() as connection:
        found = await find_reports(connection, facility=facility, as_of=as_of)
    if found is None:
        raise _none(facility, as_of)
    for report in found.reports.reports:
        _check_seen(reading, report.position, report.refreshed_at)
    return tagged(request, found.reports, found.newest, len(found.reports.reports))


@query(
    "/reports/aging/accounts",
    "account_balances",
    summary="Ageing by account",
    scope=READ_REPORTS,
    codes=("NOT_FOUND",),
)
async def list_aged_accounts(
    reading: NamedDependency[Reading],
    facility: Annotated[
        str,
        QueryParameter(
            description="facility of the report", pattern=FACILITY, min_length=1, max_length=64
        ),
    ],
    as_of: AsOf = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AgedAccounts:
    """The accounts of a facility's report by id; one on which nothing is open is left out."""
    check_known("as_of", as_of)
    async with reading.connection() as connection:
        page = await find_aged_accounts(
            connection, facility=facility, as_of=as_of, cursor=cursor, limit=limit
        )
    if page is None:
        raise _none(facility, as_of)
    _check_seen(reading, page.position, page.refreshed_at)
    return page


@post(
    "/reports/aging:refresh",
    status_code=200,
    summary="Compute ageing anew",
    dto=StrictJson,
    responses=problems(
        "VALIDATION_FAILED", "BODY_TOO_LARGE", "MEDIA_TYPE_UNSUPPORTED", "NOT_FOUND", "NOT_YET"
    ),
    response_description="Computed",
    tags=["reports"],
    opt={SCOPE: READ_REPORTS, PROJECTIONS: ("account_balances",)},
)
async def refresh_aging(
    data: JSONBody[RefreshAgingRequest],
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
) -> AgingReports:
    """Computes a facility's report, or each one's, and answers it; a repeat does so again."""
    with outage_as_problem():
        async with tenant_view(dependencies.reporter, reading.tenant) as connection:
            try:
                asked = await refresh_on_demand(
                    connection, datetime.now(UTC), facility=data.facility, as_of=data.as_of
                )
            except DayAhead as ahead:
                raise invalid("$.as_of", str(ahead)) from ahead
            if not asked:
                raise Problem("NOT_FOUND", f"facility {data.facility or '(any)'} keeps no account")
            found = [
                await find_reports(connection, facility=report.facility, as_of=report.as_of)
                for report in asked
            ]
    reports = [report for each in found if each is not None for report in each.reports.reports]
    return AgingReports(reports=tuple(reports))


def _none(facility: str | None, as_of: date | None) -> Problem:
    of = f" of facility {facility}" if facility else ""
    on = f" as of {as_of}" if as_of else ""
    return Problem(
        "NOT_FOUND", f"no ageing{of}{on} is kept: compute it by POST /v1/reports/aging:refresh"
    )


def _check_seen(reading: Reading, position: int, refreshed_at: datetime) -> None:
    """Refuse a report that was computed before the command that the caller has seen."""
    if reading.position is not None and position < reading.position:
        raise Problem(
            "NOT_YET",
            f"the report was computed at position {position}, before what `after` names:"
            " compute it anew by POST /v1/reports/aging:refresh",
            lag=Lag(
                events=reading.position - position,
                seconds=(datetime.now(UTC) - refreshed_at).total_seconds(),
            ),
        )
