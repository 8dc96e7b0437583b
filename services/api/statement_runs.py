"""Runs of statements over HTTP: start one, see how far it is and what failed."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.ids import RunId, split_event_id
from contracts.inbound import FacilityCode
from contracts.statement import DeliveryChannel, StatementStarted
from contracts.statement_run_views import (
    StatementFailurePage,
    StatementRunDetail,
    StatementRunPage,
)
from domain import naming
from domain.statement import StartStatementRun
from projections.statement_runs_queries import find_statement_runs
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.outage import outage_as_problem
from services.api.parameters import Cursor, Limit, RunPath
from services.api.problems import Problem, invalid
from services.api.reading import Reading
from services.api.routes import command, created, query
from services.commands import BY_COMMAND
from services.licences import Module
from services.statements.runs import find_failures, find_run_detail, keeps_accounts
from services.tenant_view import tenant_view

RUN: Final = BY_COMMAND[StartStatementRun].scope


class StartStatementRunRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Make everybody's statement as of a day, and have it delivered."""

    facility: Annotated[
        FacilityCode | None, Meta(description="only its accounts; left out: those of all")
    ] = None
    as_of_date: Annotated[date, Meta(description="last posting date, not after today")]
    first_on: Annotated[
        date | None,
        Meta(description="first posting date; left out: the first of the month of `as_of_date`"),
    ] = None
    channels: Annotated[
        tuple[DeliveryChannel, ...],
        Meta(
            max_length=3,
            description="how statements may be delivered: as the account prefers, else the first"
            " of e-mail, text message and print that it can be reached by; none: they are made"
            " and kept alone",
        ),
    ] = ()


class StartedStatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has begun; read it to see how far it is."""

    run_id: RunId
    facility: str | None
    first_on: date
    as_of_date: date
    channels: tuple[DeliveryChannel, ...]
    version: Annotated[int, Meta(description="version of the runs as of this day")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/statement-runs",
    StartStatementRun,
    summary="Start a run of statements",
    codes=("STATE_CONFLICT",),
    module=Module.STATEMENTS,
    status_code=202,
)
async def start_statement_run(
    data: JSONBody[StartStatementRunRequest],
    call: NamedDependency[Call],
    dependencies: NamedDependency[Dependencies],
) -> Response[StartedStatementRun]:
    """Answers at once. As of a day nobody is in two runs at a time, neither in two of a facility
    nor in one of all and one of a facility; again once it has ended."""
    if data.first_on is not None and data.first_on > data.as_of_date:
        raise invalid(
            "$.first_on", f"{data.first_on} is after as_of_date, which is {data.as_of_date}"
        )
    if data.facility is not None:
        await _check_facility(dependencies, call.tenant, data.facility)
    recorded = await call.execute(
        data,
        StartStatementRun(
            stream_id=naming.statement_runs_id(call.tenant, data.as_of_date.isoformat()),
            facility=data.facility,
            first_on=data.first_on or data.as_of_date.replace(day=1),
            as_of=data.as_of_date,
            channels=tuple(dict.fromkeys(data.channels)),
        ),
    )
    # Of all runs as of the day, the one that this command started.
    stream_id, version = split_event_id(recorded.token)
    events = await call.ledger.history(call.tenant, stream_id, range(version, version + 1))
    started: StatementStarted = events[0]
    answer = StartedStatementRun(
        run_id=started.run_id,
        facility=started.facility,
        first_on=started.first_on,
        as_of_date=started.as_of,
        channels=started.channels,
        version=recorded.version,
        token=recorded.token,
    )
    return created(f"/v1/statement-runs/{started.run_id}", answer, recorded, status_code=202)


async def _check_facility(dependencies: Dependencies, tenant: str, facility: str) -> None:
    """Raises Problem for one that keeps no account: its run would say that all went well."""
    with outage_as_problem():
        async with tenant_view(dependencies.writer, tenant, readonly=True) as connection:
            is_kept = await keeps_accounts(connection, tenant, facility)
    if not is_kept:
        raise invalid("$.facility", f"{facility} keeps no account")


@query("/statement-runs", "statement_runs", summary="List runs of statements", scope=RUN)
async def list_statement_runs(
    reading: NamedDependency[Reading], cursor: Cursor = None, limit: Limit = 50
) -> StatementRunPage:
    """Runs, the latest first."""
    async with reading.connection() as connection:
        return await find_statement_runs(connection, cursor=cursor, limit=limit)


@query(
    "/statement-runs/{run_id:str}",
    summary="Read a run of statements",
    scope=RUN,
    codes=("NOT_FOUND",),
)
async def get_statement_run(
    reading: NamedDependency[Reading], run_id: RunPath
) -> StatementRunDetail:
    """The run as it stands, with `done` of `total` accounts while it is at work."""
    async with reading.connection() as connection:
        return await _found(connection, reading.tenant, run_id)


@query(
    "/statement-runs/{run_id:str}/failures",
    summary="List the accounts that got no statement",
    scope=RUN,
    codes=("NOT_FOUND",),
)
async def list_statement_failures(
    reading: NamedDependency[Reading],
    run_id: RunPath,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> StatementFailurePage:
    """Accounts by id, each with the reason."""
    async with reading.connection() as connection:
        await _found(connection, reading.tenant, run_id)
        return await find_failures(connection, reading.tenant, run_id, cursor=cursor, limit=limit)


async def _found(connection: Any, tenant: str, run_id: str) -> StatementRunDetail:
    """A run; raises Problem where there is none."""
    found = await find_run_detail(connection, tenant, run_id)
    if found is None:
        raise Problem("NOT_FOUND", f"there is no run of statements {run_id}")
    return found
