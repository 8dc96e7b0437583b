"""Runs of configured workflows as the query API returns them."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from contracts.ids import WorkflowRunId
from contracts.views import Instant, Version, View


class WorkflowRunStatus(StrEnum):
    """Where a run is."""

    REQUESTED = "requested"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WorkflowStepStatus(StrEnum):
    """What became of an activity."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WorkflowRunSummary(View, frozen=True, kw_only=True):
    """A run of a configured workflow."""

    workflow_run_id: WorkflowRunId
    workflow: str
    branch: Annotated[str | None, Meta(description="null: production's")]
    tenant_organization_id: str | None = msgspec.field(name="tenantOrganizationId")
    status: WorkflowRunStatus
    commit: Annotated[str | None, Meta(description="of the config project; null: not begun")]
    plan_digest: Annotated[str | None, Meta(description="SHA-256 of the plan, in hex")]
    activity_count: int | None
    requested_at: Instant
    started_at: Instant | None
    cancel_requested_at: Instant | None
    ended_at: Instant | None
    code: Annotated[str | None, Meta(description="why it failed; a stable code")]
    version: Version


class WorkflowStep(View, frozen=True, kw_only=True):
    """What became of an activity."""

    activity: str
    status: WorkflowStepStatus
    attempts: int | None
    output: Annotated[
        Any, Meta(description="JSON; null also where it was too long to be kept, or is forgotten")
    ]
    output_bytes: Annotated[int | None, Meta(description="of the output as JSON")]
    output_sha256: Annotated[str | None, Meta(description="of the output as JSON, in hex")]
    condition: Annotated[str | None, Meta(description="which was not met, of one skipped")]
    ended_at: Instant


class WorkflowRunDetail(WorkflowRunSummary, frozen=True, kw_only=True):
    """A run with what it was given and its activities in the order in which they were done."""

    input: Annotated[Any, Meta(description="JSON; null where it is forgotten")]
    detail: Annotated[str | None, Meta(description="what went wrong; the traceback of a script")]
    steps: tuple[WorkflowStep, ...]


class WorkflowRunPage(View, frozen=True, kw_only=True):
    """Runs of workflows, the latest first."""

    items: tuple[WorkflowRunSummary, ...]
    cursor: str | None
