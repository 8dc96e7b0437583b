"""Runs of workflows: asked for, begun and ended once, whoever says it again."""

import pytest

from contracts import workflow_run as run
from contracts.event import Event
from domain.rejections import AlreadyExists, NotFound
from domain.workflow_run import (
    WORKFLOW_RUN,
    CancelWorkflowRun,
    CompleteStep,
    CompleteWorkflowRun,
    EndCancelledRun,
    FailWorkflowRun,
    RequestWorkflowRun,
    SkipSteps,
    StartWorkflowRun,
    WorkflowRunEnded,
    WorkflowRunNotStarted,
)
from tests.fixtures.scenario import given
from tests.fixtures.workflow_history import (
    COMMIT,
    SEALED,
    completed_step,
    named,
    requested,
    started,
)

ID = named("1")
REQUEST = RequestWorkflowRun(workflow_run_id=ID, workflow="prebill", input=SEALED)
START = StartWorkflowRun(workflow_run_id=ID, commit=COMMIT, plan_digest="ab" * 32, activity_count=4)
STEP = CompleteStep(completed=completed_step("1", "context"))
SKIP = SkipSteps(workflow_run_id=ID, activities=("check",), condition="$input.x")
COMPLETE = CompleteWorkflowRun(workflow_run_id=ID)
FAIL = FailWorkflowRun(workflow_run_id=ID, code="SCRIPT_FAILED", detail=SEALED)
CANCEL = CancelWorkflowRun(workflow_run_id=ID)
STOP = EndCancelledRun(workflow_run_id=ID, activity="context")
CANCEL_REQUESTED = run.WorkflowRunCancelRequested(workflow_run_id=ID)
COMPLETED = run.WorkflowRunCompleted(workflow_run_id=ID)
FAILED = run.WorkflowRunFailed(workflow_run_id=ID, code="SCRIPT_FAILED", detail=SEALED)
CANCELLED = run.WorkflowRunCancelled(workflow_run_id=ID, activity="context")


def test_a_run_goes_from_its_request_to_its_end() -> None:
    scenario = given(WORKFLOW_RUN)
    scenario.when(REQUEST).then(requested("1"))
    scenario.happened(requested("1")).when(START).then(started("1"))
    scenario.happened(started("1")).when(STEP).then(completed_step("1", "context"))
    skipped = run.WorkflowRunStepsSkipped(
        workflow_run_id=ID, activities=("check",), condition="$input.x"
    )
    scenario.when(SKIP).then(skipped)
    scenario.when(COMPLETE).then(COMPLETED)
    scenario.happened(COMPLETED).when(COMPLETE).then_nothing()


def test_beginning_again_with_the_same_plan_changes_nothing() -> None:
    scenario = given(WORKFLOW_RUN, requested("1"), started("1"))
    scenario.when(START).then_nothing()
    other = StartWorkflowRun(
        workflow_run_id=ID, commit="c0ffee", plan_digest="ab" * 32, activity_count=4
    )
    scenario.when(other).then_rejected(WorkflowRunNotStarted)


def test_a_run_can_fail_before_it_has_begun_and_nothing_is_done_in_it() -> None:
    given(WORKFLOW_RUN, requested("1")).when(FAIL).then(FAILED)
    given(WORKFLOW_RUN, requested("1")).when(STEP).then_rejected(WorkflowRunNotStarted)
    given(WORKFLOW_RUN, requested("1")).when(COMPLETE).then_rejected(WorkflowRunNotStarted)


def test_cancelling_is_asked_for_once_and_ends_later() -> None:
    scenario = given(WORKFLOW_RUN, requested("1"), started("1"))
    scenario.when(CANCEL).then(CANCEL_REQUESTED)
    scenario.happened(CANCEL_REQUESTED).when(CANCEL).then_nothing()
    scenario.when(STOP).then(CANCELLED)
    scenario.happened(CANCELLED).when(STOP).then_nothing()


def test_what_is_cancelled_before_it_begins_stays_cancelled() -> None:
    scenario = given(WORKFLOW_RUN, requested("1"), CANCEL_REQUESTED, started("1"))
    scenario.when(CANCEL).then_nothing()


@pytest.mark.parametrize("end", [COMPLETED, FAILED, CANCELLED])
@pytest.mark.parametrize("command", [START, STEP, SKIP, COMPLETE, FAIL, CANCEL, STOP])
def test_nothing_happens_after_the_end(end: Event, command: object) -> None:
    scenario = given(WORKFLOW_RUN, requested("1"), started("1"), end)
    repeats: dict[Event, object] = {COMPLETED: COMPLETE, FAILED: FAIL, CANCELLED: STOP}
    if repeats[end] is command:
        scenario.when(command).then_nothing()
    else:
        scenario.when(command).then_rejected(WorkflowRunEnded)


def test_a_run_that_nobody_asked_for_is_not_known_and_one_id_is_one_run() -> None:
    given(WORKFLOW_RUN).when(START).then_rejected(NotFound)
    given(WORKFLOW_RUN, requested("1")).when(REQUEST).then_rejected(AlreadyExists)
