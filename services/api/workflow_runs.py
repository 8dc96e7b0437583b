"""Runs of configured workflows over HTTP: ask for one, see how far it is, end it early."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.ids import WorkflowRunId
from contracts.workflow import NAME, NAME_LETTERS_MAX
from contracts.workflow_run import WorkflowRunRequested
from contracts.workflow_run_views import WorkflowRunDetail, WorkflowRunPage
from domain import naming
from domain.workflow_run import CancelWorkflowRun, RequestWorkflowRun
from projections.workflow_runs_queries import find_workflow_run, find_workflow_runs
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.names import opened
from services.api.parameters import BRANCH, FHIR_ID, Cursor, Limit, WorkflowRunPath
from services.api.problems import Problem, invalid
from services.api.reading import Reading
from services.api.routes import command, created, query
from services.commands import BY_COMMAND
from services.workflows.detail import detailed, sealed_in

RUN: Final = BY_COMMAND[RequestWorkflowRun].scope
INPUT_BYTES_MAX: Final = 64 * 1024
_PROJECTION: Final = "workflow_runs"
_encode: Final = msgspec.json.Encoder().encode


class RunWorkflowRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Run a configured workflow."""

    workflow: Annotated[
        str,
        Meta(
            pattern=NAME,
            max_length=NAME_LETTERS_MAX,
            description="name of its file, without `.yaml`",
        ),
    ]
    input: Annotated[
        dict[str, Any], Meta(description=f"JSON of at most {INPUT_BYTES_MAX // 1024} KiB")
    ] = {}
    branch: Annotated[
        Annotated[str, Meta(pattern=BRANCH, max_length=100)] | None,
        Meta(description="of the config project; left out: production's"),
    ] = None
    tenant_organization_id: Annotated[
        Annotated[str, Meta(pattern=FHIR_ID, max_length=64)] | None,
        Meta(description="an organisation of the tenant's: all FHIR requests go below it"),
    ] = msgspec.field(name="tenantOrganizationId", default=None)


class CancelWorkflowRunRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """End a run before its time; there is nothing to say about it."""


class RequestedWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was asked for, or asked to end; read it to see how far it is."""

    workflow_run_id: WorkflowRunId
    workflow: str
    branch: str | None
    tenant_organization_id: str | None = msgspec.field(name="tenantOrganizationId")
    version: Annotated[int, Meta(description="version of the run")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/workflow-runs",
    RequestWorkflowRun,
    summary="Run a configured workflow",
    codes=("ALREADY_EXISTS",),
    of_account=False,
    status_code=202,
)
async def request_workflow_run(
    data: JSONBody[RunWorkflowRequest], call: NamedDependency[Call]
) -> Response[RequestedWorkflowRun]:
    """Answers at once; a worker with the config project does it behind the answer. A workflow that
    is not there, or is wrong, fails the run, which says why."""
    given = _encode(data.input)
    if len(given) > INPUT_BYTES_MAX:
        raise invalid("$.input", f"{len(given)} bytes: {INPUT_BYTES_MAX} at most")
    run_id = WorkflowRunId(call.new_id("wfr"))
    sealed = await call.seal(naming.workflow_run_subject(run_id), given.decode())
    assert sealed is not None, "a text is sealed"
    recorded = await call.execute(
        data,
        RequestWorkflowRun(
            workflow_run_id=run_id,
            workflow=data.workflow,
            input=sealed,
            branch=data.branch,
            tenant_organization_id=data.tenant_organization_id,
        ),
    )
    answer = _requested(recorded)
    place = f"/v1/workflow-runs/{answer.workflow_run_id}"
    return created(place, answer, recorded, status_code=202)


@command(
    "/workflow-runs/{workflow_run_id:str}/cancel",
    CancelWorkflowRun,
    summary="Cancel a run of a workflow",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
    of_account=False,
    status_code=202,
)
async def cancel_workflow_run(
    data: JSONBody[CancelWorkflowRunRequest],
    call: NamedDependency[Call],
    workflow_run_id: WorkflowRunPath,
) -> Response[RequestedWorkflowRun]:
    """Ends the activity that is at work, and begins no other; what was done stays done."""
    asked = CancelWorkflowRun(workflow_run_id=WorkflowRunId(workflow_run_id))
    recorded = await call.execute(data, asked)
    answer = _requested(recorded)
    place = f"/v1/workflow-runs/{answer.workflow_run_id}"
    return created(place, answer, recorded, status_code=202)


@query("/workflow-runs", _PROJECTION, summary="List runs of workflows", scope=RUN)
async def list_workflow_runs(
    reading: NamedDependency[Reading], cursor: Cursor = None, limit: Limit = 50
) -> WorkflowRunPage:
    """Runs, the latest asked for first."""
    async with reading.connection() as connection:
        return await find_workflow_runs(connection, cursor=cursor, limit=limit)


@query(
    "/workflow-runs/{workflow_run_id:str}",
    _PROJECTION,
    summary="Read a run of a workflow",
    scope=RUN,
    codes=("NOT_FOUND",),
)
async def get_workflow_run(
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
    workflow_run_id: WorkflowRunPath,
) -> WorkflowRunDetail:
    """The run with what was done in it so far, and what each activity gave."""
    async with reading.connection() as connection:
        found = await find_workflow_run(connection, workflow_run_id)
    if found is None:
        raise Problem("NOT_FOUND", f"there is no run of a workflow {workflow_run_id}")
    texts = await opened(dependencies.writer, reading.tenant, sealed_in(found))
    return detailed(found, texts)


def _requested(recorded: Any) -> RequestedWorkflowRun:
    event: WorkflowRunRequested = recorded.event
    return RequestedWorkflowRun(
        workflow_run_id=event.workflow_run_id,
        workflow=event.workflow,
        branch=event.branch,
        tenant_organization_id=event.tenant_organization_id,
        version=recorded.version,
        token=recorded.token,
    )
