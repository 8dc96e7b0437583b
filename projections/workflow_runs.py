"""Each run of a configured workflow: what was asked for, activity by activity, how it ended."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.columns import columns
from contracts.private import Private
from contracts.workflow_run import (
    WorkflowRunCancelled,
    WorkflowRunCancelRequested,
    WorkflowRunCompleted,
    WorkflowRunFailed,
    WorkflowRunRequested,
    WorkflowRunStarted,
    WorkflowRunStepCompleted,
    WorkflowRunStepsSkipped,
)
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_ADD: Final = sql("workflow_runs_add")
_ADD_STEPS: Final = sql("workflow_run_steps_add")
_MOVE: Final = sql("workflow_runs_move")
_MOVED: Final = (
    *("status", "commit_id", "plan_digest", "activity_count", "started_at"),
    *("cancel_requested_at", "ended_at", "code", "detail", "version"),
)
_encode: Final = msgspec.json.Encoder().encode


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add what was asked for and what was done, then bring runs to where they are."""
    added: list[tuple[Any, ...]] = []
    steps: list[tuple[Any, ...]] = []
    moved: dict[tuple[str, str], dict[str, Any]] = {}
    for recorded in batch:
        event: Any = recorded.event
        if isinstance(event, WorkflowRunRequested):
            added.append(_requested(recorded, event))
        elif (change := _change(recorded)) is not None:
            key = (recorded.tenant, event.workflow_run_id)
            moved.setdefault(key, {}).update(change, version=recorded.version)
            steps += _steps(recorded)
    if added:
        await connection.execute(_ADD, *columns(added, "ttttttttnn"))
    if steps:
        await connection.execute(_ADD_STEPS, *columns(steps, "ttnnttntnttt"))
    if moved:
        rows = [(*key, *map(change.get, _MOVED)) for key, change in moved.items()]
        await connection.execute(_MOVE, *columns(rows, "tttttntttttn"))


def _requested(recorded: Recorded, event: WorkflowRunRequested) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.workflow_run_id,
        event.workflow,
        event.branch,
        event.tenant_organization_id,
        _sealed(event.input),
        "requested",
        recorded.recorded_at.isoformat(),
        recorded.version,
        recorded.position,
    )


def _change(recorded: Recorded) -> dict[str, Any] | None:
    """What an event changes of its run; None where it is about something else."""
    event, at = recorded.event, recorded.recorded_at.isoformat()
    match event:
        case WorkflowRunStarted():
            plan = {"plan_digest": event.plan_digest, "activity_count": event.activity_count}
            return {"status": "running", "commit_id": event.commit, "started_at": at, **plan}
        case WorkflowRunStepCompleted() | WorkflowRunStepsSkipped():
            return {}
        case WorkflowRunCancelRequested():
            return {"cancel_requested_at": at}
        case WorkflowRunCompleted():
            return {"status": "completed", "ended_at": at}
        case WorkflowRunFailed():
            why = {"code": event.code, "detail": _sealed(event.detail)}
            return {"status": "failed", "ended_at": at, **why}
        case WorkflowRunCancelled():
            return {"status": "cancelled", "ended_at": at}
        case _:
            return None


def _steps(recorded: Recorded) -> list[tuple[Any, ...]]:
    event: Any = recorded.event
    match event:
        case WorkflowRunStepCompleted():
            output = _sealed(event.output) if event.output else None
            gave = (event.attempts, output, event.output_bytes, event.output_sha256)
            return [_step(recorded, 0, event.activity, "completed", gave)]
        case WorkflowRunStepsSkipped():
            return [
                _step(recorded, place, activity, "skipped", condition=event.condition)
                for place, activity in enumerate(event.activities)
            ]
        case WorkflowRunFailed(activity=str(activity)):
            return [_step(recorded, 0, activity, "failed", (event.attempts, None, None, None))]
        case WorkflowRunCancelled(activity=str(activity)):
            return [_step(recorded, 0, activity, "cancelled")]
        case _:
            return []


def _step(
    recorded: Recorded,
    place: int,
    activity: str,
    status: str,
    gave: tuple[int | None, str | None, int | None, str | None] = (None, None, None, None),
    condition: str | None = None,
) -> tuple[Any, ...]:
    event: Any = recorded.event
    named = (recorded.tenant, event.workflow_run_id, recorded.position, place, activity)
    return (*named, status, *gave, condition, recorded.recorded_at.isoformat())


def _sealed(private: Private) -> str:
    return _encode(private).decode()
