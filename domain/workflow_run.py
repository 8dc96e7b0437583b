"""Runs of configured workflows: asked for once, begun once, ended once; a repeat is no error."""

from typing import Any, Final

import msgspec

from contracts.ids import WorkflowRunId
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
from domain.book import Book
from domain.decider import Decider, Decision, Rejected
from domain.rejections import AlreadyExists, NotFound


class RequestWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """Run a workflow; `input` is JSON, sealed."""

    workflow_run_id: WorkflowRunId
    workflow: str
    input: Private
    branch: str | None = None
    tenant_organization_id: str | None = None


class StartWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """Record what is run: the commit and the plan."""

    workflow_run_id: WorkflowRunId
    commit: str
    plan_digest: str
    activity_count: int


class CompleteStep(msgspec.Struct, frozen=True, kw_only=True):
    """Record what an activity gave."""

    completed: WorkflowRunStepCompleted

    @property
    def workflow_run_id(self) -> WorkflowRunId:
        """Which run."""
        return self.completed.workflow_run_id


class SkipSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Record what was left out."""

    workflow_run_id: WorkflowRunId
    activities: tuple[str, ...]
    condition: str


class CompleteWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """Record that every activity was seen to."""

    workflow_run_id: WorkflowRunId


class FailWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """Record why a run ended; `detail` is sealed."""

    workflow_run_id: WorkflowRunId
    code: str
    detail: Private
    activity: str | None = None
    attempts: int = 0


class CancelWorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """Have a run end before its time."""

    workflow_run_id: WorkflowRunId


class EndCancelledRun(msgspec.Struct, frozen=True, kw_only=True):
    """Record that a run ended since somebody asked for it."""

    workflow_run_id: WorkflowRunId
    activity: str | None = None


WorkflowRunCommand = (
    RequestWorkflowRun
    | StartWorkflowRun
    | CompleteStep
    | SkipSteps
    | CompleteWorkflowRun
    | FailWorkflowRun
    | CancelWorkflowRun
    | EndCancelledRun
)
COMMANDS: Final = (
    RequestWorkflowRun,
    StartWorkflowRun,
    CompleteStep,
    SkipSteps,
    CompleteWorkflowRun,
    FailWorkflowRun,
    CancelWorkflowRun,
    EndCancelledRun,
)


class Requested(msgspec.Struct, frozen=True, kw_only=True, tag="requested"):
    """Asked for, and not begun."""

    is_cancelled: bool = False


class Running(msgspec.Struct, frozen=True, kw_only=True, tag="running"):
    """Begun, at a commit."""

    commit: str
    plan_digest: str
    is_cancelled: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """Completed, failed or cancelled: the wire type's last word says which."""

    how: str


WorkflowRunState = Requested | Running | Ended
WorkflowRunEvent = (
    WorkflowRunRequested
    | WorkflowRunStarted
    | WorkflowRunStepCompleted
    | WorkflowRunStepsSkipped
    | WorkflowRunCompleted
    | WorkflowRunFailed
    | WorkflowRunCancelRequested
    | WorkflowRunCancelled
)


class WorkflowRunEnded(Rejected):
    """It has ended: ask for another one."""


class WorkflowRunNotStarted(Rejected):
    """Nothing is done in a run before it has begun, and it begins once."""


def decide(command: WorkflowRunCommand, book: Book) -> Decision:
    """Ask once, begin once, end once; whatever names an end that it has had decides nothing."""
    run_id = command.workflow_run_id
    state: WorkflowRunState | None = book.states.get(run_id)
    match command, state:
        case RequestWorkflowRun(), None:
            return [(run_id, _same_fields(WorkflowRunRequested, command))]
        case RequestWorkflowRun(), _:
            raise AlreadyExists(f"{run_id} was asked for before")
        case _, None:
            raise NotFound(f"there is no run of a workflow {run_id}")
        case _, Ended(how=how):
            return _after_the_end(command, how)
        case StartWorkflowRun(), Requested():
            return [(run_id, _same_fields(WorkflowRunStarted, command))]
        case StartWorkflowRun() as start, Running() as running if _is_same(start, running):
            return []
        case CompleteStep(), Running():
            return [(run_id, command.completed)]
        case SkipSteps(), Running():
            return [(run_id, _same_fields(WorkflowRunStepsSkipped, command))]
        case CompleteWorkflowRun(), Running():
            return [(run_id, _same_fields(WorkflowRunCompleted, command))]
        case FailWorkflowRun(), _:
            return [(run_id, _same_fields(WorkflowRunFailed, command))]
        case CancelWorkflowRun(), Requested() | Running():
            asked = WorkflowRunCancelRequested(workflow_run_id=run_id)
            return [] if state.is_cancelled else [(run_id, asked)]
        case EndCancelledRun(), _:
            return [(run_id, _same_fields(WorkflowRunCancelled, command))]
        case _:
            raise WorkflowRunNotStarted(f"{run_id} has not begun, or began with another plan")


def _is_same(start: StartWorkflowRun, running: Running) -> bool:
    return (start.commit, start.plan_digest) == (running.commit, running.plan_digest)


_ENDS: Final[dict[type, str]] = {
    CompleteWorkflowRun: "completed",
    FailWorkflowRun: "failed",
    EndCancelledRun: "cancelled",
}


def _after_the_end(command: WorkflowRunCommand, how: str) -> Decision:
    if _ENDS.get(type(command)) == how:
        return []  # Two workers had the same run.
    raise WorkflowRunEnded(f"{command.workflow_run_id} has {how}: start another run")


def _same_fields(shape: Any, command: Any) -> Any:
    return shape(**msgspec.structs.asdict(command))


def evolve(state: WorkflowRunState | None, event: WorkflowRunEvent) -> WorkflowRunState | None:
    """The run after an event."""
    match event:
        case WorkflowRunRequested():
            return Requested()
        case WorkflowRunStarted():
            cancelled = isinstance(state, Requested) and state.is_cancelled
            return Running(
                commit=event.commit, plan_digest=event.plan_digest, is_cancelled=cancelled
            )
        case WorkflowRunCancelRequested() if isinstance(state, Requested | Running):
            return msgspec.structs.replace(state, is_cancelled=True)
        case WorkflowRunCompleted():
            return Ended(how="completed")
        case WorkflowRunFailed():
            return Ended(how="failed")
        case WorkflowRunCancelled():
            return Ended(how="cancelled")
        case _:
            return state


WORKFLOW_RUN = Decider("wfr", decide, evolve, WorkflowRunState)
