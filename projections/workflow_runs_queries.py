"""Queries about runs of configured workflows, for a connection that reads one tenant.

What is sealed stays so: whoever answers a caller opens it.
"""

from typing import Any, Final, NamedTuple

import msgspec

from contracts.private import Private
from contracts.workflow_run_views import (
    WorkflowRunPage,
    WorkflowRunStatus,
    WorkflowRunSummary,
    WorkflowStepStatus,
)
from projections.cursor import POSITION_MAX, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_PAGE: Final = sql("workflow_runs_page")
_ONE: Final = sql("workflow_runs_one")
_STEPS: Final = sql("workflow_run_steps_of")
_CURSOR: Final = "workflow_runs"
_decode: Final = msgspec.json.Decoder(Private).decode


class StepFound(NamedTuple):
    """An activity of a run; its output is sealed."""

    activity: str
    status: WorkflowStepStatus
    attempts: int | None
    output: Private | None
    output_bytes: int | None
    output_sha256: str | None
    condition: str | None
    ended_at: Any


class WorkflowRunFound(NamedTuple):
    """A run; input and detail are sealed."""

    summary: WorkflowRunSummary
    input: Private
    detail: Private | None
    steps: tuple[StepFound, ...]


async def find_workflow_runs(
    connection: AnyConnection, *, cursor: str | None = None, limit: int = 50
) -> WorkflowRunPage:
    """Runs, the latest first; raises CursorInvalid."""
    before = decode_cursor(_CURSOR, cursor, int)[0] if cursor else POSITION_MAX
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, before, size + 1)
    more = len(rows) > size
    return WorkflowRunPage(
        items=tuple(_summary(row) for row in rows[:size]),
        cursor=encode_cursor(_CURSOR, rows[size - 1]["position"]) if more else None,
    )


async def find_workflow_run(connection: AnyConnection, run_id: str) -> WorkflowRunFound | None:
    """A run with its steps, None where the tenant has no such one."""
    row = await connection.fetchrow(_ONE, run_id)
    if row is None:
        return None
    return WorkflowRunFound(
        summary=_summary(row),
        input=_decode(row["input"]),
        detail=_decode(row["detail"]) if row["detail"] else None,
        steps=tuple(_step(each) for each in await connection.fetch(_STEPS, run_id)),
    )


def _summary(row: Any) -> WorkflowRunSummary:
    return WorkflowRunSummary(
        workflow_run_id=row["workflow_run_id"],
        workflow=row["workflow"],
        branch=row["branch"],
        tenant_organization_id=row["tenant_organization_id"],
        status=WorkflowRunStatus(row["status"]),
        commit=row["commit_id"],
        plan_digest=row["plan_digest"],
        activity_count=row["activity_count"],
        requested_at=row["requested_at"],
        started_at=row["started_at"],
        cancel_requested_at=row["cancel_requested_at"],
        ended_at=row["ended_at"],
        code=row["code"],
        version=row["version"],
    )


def _step(row: Any) -> StepFound:
    return StepFound(
        activity=row["activity"],
        status=WorkflowStepStatus(row["status"]),
        attempts=row["attempts"],
        output=_decode(row["output"]) if row["output"] else None,
        output_bytes=row["output_bytes"],
        output_sha256=row["output_sha256"],
        condition=row["condition"],
        ended_at=row["ended_at"],
    )
