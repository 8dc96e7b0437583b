"""What happens to a run of a configured workflow: asked for, begun, activity by activity, ended.

Input, outputs and what went wrong are whatever the workflow is about, so they are sealed.
"""

from typing import Annotated

from msgspec import Meta

from contracts.event import Event
from contracts.ids import WorkflowRunId
from contracts.private import Private

_JSON = Meta(description="JSON, sealed")


class WorkflowRunRequested(Event, frozen=True, kw_only=True):
    """Somebody asked that a configured workflow be run."""

    workflow_run_id: WorkflowRunId
    workflow: Annotated[str, Meta(description="name of its file", examples=["prebill"])]
    input: Annotated[Private, _JSON]
    branch: Annotated[str | None, Meta(description="null: production's")] = None
    tenant_organization_id: Annotated[
        str | None, Meta(description="FHIR requests go below this organisation")
    ] = None


class WorkflowRunStarted(Event, frozen=True, kw_only=True):
    """Its file was read and nothing is wrong with it; from now on it keeps to this commit."""

    workflow_run_id: WorkflowRunId
    commit: Annotated[str, Meta(description="of the config project, in hex")]
    plan_digest: Annotated[str, Meta(description="SHA-256 of the plan's canonical JSON, in hex")]
    activity_count: int


class WorkflowRunStepCompleted(Event, frozen=True, kw_only=True):
    """An activity gave its output."""

    workflow_run_id: WorkflowRunId
    activity: str
    attempts: int
    output_bytes: Annotated[int, Meta(description="of the output as JSON")]
    output_sha256: Annotated[str, Meta(description="of the output as JSON, in hex")]
    output: Annotated[
        Private | None, Meta(description="JSON, sealed; null where it is too long to be kept")
    ] = None


class WorkflowRunStepsSkipped(Event, frozen=True, kw_only=True):
    """A condition was not met, so an activity and those below were left out."""

    workflow_run_id: WorkflowRunId
    activities: Annotated[tuple[str, ...], Meta(description="the first is whose condition it was")]
    condition: Annotated[str, Meta(examples=["$activities.check.output.covered"])]


class WorkflowRunCompleted(Event, frozen=True, kw_only=True):
    """Every activity was seen to."""

    workflow_run_id: WorkflowRunId


class WorkflowRunFailed(Event, frozen=True, kw_only=True):
    """An activity failed for good, or the workflow could not begin; what follows was not done."""

    workflow_run_id: WorkflowRunId
    code: str
    detail: Annotated[Private, Meta(description="what went wrong, sealed")]
    activity: Annotated[str | None, Meta(description="null: it did not begin")] = None
    attempts: int = 0


class WorkflowRunCancelRequested(Event, frozen=True, kw_only=True):
    """Somebody asked that a run end before its time."""

    workflow_run_id: WorkflowRunId


class WorkflowRunCancelled(Event, frozen=True, kw_only=True):
    """The run ended since somebody asked for it; what was done stays done."""

    workflow_run_id: WorkflowRunId
    activity: Annotated[str | None, Meta(description="which was ended in the middle")] = None
