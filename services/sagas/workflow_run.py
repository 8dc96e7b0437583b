"""WorkflowRun: a configured workflow from its request to its end, one activity after the other.

Its plan is compiled outside and travels as input with its digest and commit; what comes next is
domain/plan_walk.py's to say, of the plan, the input and the outputs so far.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import CancelledError as ActivityCancelled

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from domain.plan import Activity
    from domain.plan_walk import Run, Skip, TooMuch, after_run, after_skip, next_step
    from services.sagas.encounter import RETRIES
    from services.sagas.performing import Performing
    from services.sagas.pulse import HEARTBEAT_TIMEOUT
    from services.sagas.scripting import Scripting
    from services.sagas.telling import Telling
    from services.sagas.workflow_messages import (
        Asked,
        Begun,
        CannotBegin,
        RunActivity,
        RunOver,
        StatusWanted,
        StepDone,
        StepsLeftOut,
        WorkflowRunWork,
    )
    from services.workflows.scripts import Ended, Failed, Succeeded

SCRIPTS_QUEUE: Final = "{}-scripts"
"""The task queue of scripts: those that take an hour keep no other run from being recorded."""
RECORD_SECONDS_MAX: Final = timedelta(minutes=2)
PREPARE_SECONDS_MAX: Final = timedelta(minutes=20)
"""Packages may have to be had first."""
SCRIPT_GRACE: Final = timedelta(minutes=15)
"""Besides the script's own time: the checkout and the packages, on a worker that has none yet."""
LOST: Final = RetryPolicy(maximum_interval=timedelta(minutes=5), maximum_attempts=20)
"""What a script does is its outcome; this is of workers that are lost, and of Postgres away."""
BEGIN_TOLD: Final = RetryPolicy(maximum_attempts=4)
"""Some ten seconds: a FHIR server that is away keeps nobody from billing."""
END_TOLD_WITHIN: Final = timedelta(days=1)


@workflow.defn(name="WorkflowRun")
class WorkflowRun:
    """A run of a configured workflow."""

    @workflow.init
    def __init__(self, work: WorkflowRunWork) -> None:
        self._named: dict[str, Any] = {
            "tenant": work.tenant,
            "workflow_run_id": work.workflow_run_id,
        }
        self._walk = work.walk
        self._is_cancelled = work.is_cancelled

    @workflow.signal
    def cancel(self) -> None:
        """End before its time: what is done stays done."""
        self._is_cancelled = True

    @workflow.run
    async def run(self, work: WorkflowRunWork) -> None:
        """Make a plan, then work through it."""
        begun = work.begun
        if begun is None:
            begun = await self._begin()
            if begun is not None:
                self._go_on(begun)
            return
        await self._end(begun, await self._work(begun))

    async def _begin(self) -> Begun | None:
        """The plan; None where the run is over."""
        asked = await self._record(
            Performing.look, WorkflowRunWork(**self._named), RECORD_SECONDS_MAX
        )
        if not isinstance(asked, Asked):
            return None
        status_id, refused = await self._tell_beginning(asked)
        over: RunOver | None = refused
        if over is None and (asked.is_cancelled or self._is_cancelled):
            over = self._over("cancelled")
        if over is None:
            begun = await self._record(
                Performing.prepare, WorkflowRunWork(**self._named), PREPARE_SECONDS_MAX
            )
            if isinstance(begun, Begun):
                return _with_status(begun, status_id)
            over = self._failed(begun)
        await self._record(Performing.end, over, RECORD_SECONDS_MAX)
        await self._tell_end(asked, over, status_id)
        return None

    async def _work(self, begun: Begun) -> RunOver:
        """Activity by activity, depth first, until all are seen to, one fails, or it is enough."""
        while True:
            if self._is_cancelled:
                return self._over("cancelled")
            self._go_on_if_long(begun)
            try:
                step = next_step(begun.plan, self._walk, begun.input)
            except TooMuch as much:
                return self._too_much(begun, much)
            if step is None:
                return self._over("completed")
            if isinstance(step, Skip):
                left_out = StepsLeftOut(
                    **self._named, activities=step.activities, condition=step.condition
                )
                await self._record(Performing.skip_steps, left_out, RECORD_SECONDS_MAX)
                self._walk = after_skip(begun.plan, self._walk)
                continue
            over = await self._perform(begun, step)
            if over is not None:
                return over

    async def _perform(self, begun: Begun, step: Run) -> RunOver | None:
        """One activity, as often as its `retry` says; how the run is over, None to go on."""
        activity, attempt = step.activity, 0
        while True:
            attempt += 1
            ended = await self._run_script(begun, step, attempt)
            if isinstance(ended, Succeeded):
                break
            if ended is None or self._is_cancelled:
                return self._over("cancelled", activity=activity.id)
            is_last = activity.non_retryable or not ended.retryable
            if is_last or attempt >= activity.retry.attempts:
                return self._failed(ended, activity=activity.id, attempts=attempt)
            await self._pause(activity, attempt)
        done = StepDone(**self._named, activity=activity.id, attempts=attempt, output=ended.output)
        try:
            walk = after_run(begun.plan, self._walk, ended.output)
        except TooMuch as much:
            return self._too_much(begun, much)
        await self._record(Performing.complete_step, done, RECORD_SECONDS_MAX)
        self._walk = walk
        return None

    async def _run_script(self, begun: Begun, step: Run, attempt: int) -> Ended | None:
        """What became of the script; None when it was ended since the run is cancelled."""
        activity = step.activity
        running = workflow.start_activity_method(
            Scripting.run_script,
            RunActivity(
                **self._named,
                workflow=begun.workflow,
                organization_id=begun.organization_id,
                commit=begun.commit,
                activity=activity.id,
                script=activity.script,
                params=step.params,
                attempt=attempt,
                timeout_seconds=activity.timeout_seconds,
            ),
            task_queue=SCRIPTS_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=timedelta(seconds=activity.timeout_seconds) + SCRIPT_GRACE,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1) if activity.non_retryable else LOST,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{activity.id} ({attempt})",
        )
        try:
            await workflow.wait_condition(lambda: running.done() or self._is_cancelled)
        except asyncio.CancelledError:
            self._is_cancelled = True
        if not running.done():
            running.cancel()
        try:
            return await running
        except ActivityError as lost:
            if isinstance(lost.cause, ActivityCancelled):
                return None
            said = f"the worker was lost, or failed, while it ran: {lost.cause}"
            return Failed(code="WORKER_LOST", detail=said, retryable=False)

    async def _pause(self, activity: Activity, attempt: int) -> None:
        """Before the next attempt: twice as long each time, an hour at most."""
        seconds = min(activity.retry.backoff_seconds * 2 ** (attempt - 1), 3_600)
        try:
            await workflow.wait_condition(
                lambda: self._is_cancelled, timeout=timedelta(seconds=seconds)
            )
        except TimeoutError:
            return
        except asyncio.CancelledError:
            self._is_cancelled = True

    async def _end(self, begun: Begun, over: RunOver) -> None:
        await self._record(Performing.end, over, RECORD_SECONDS_MAX)
        asked = Asked(workflow=begun.workflow, organization_id=begun.organization_id)
        await self._tell_end(asked, over, begun.status_id)

    async def _record(self, what: Any, work: Any, seconds_max: timedelta) -> Any:
        return await workflow.execute_activity_method(
            what,
            work,
            start_to_close_timeout=seconds_max,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )

    async def _tell_beginning(self, asked: Asked) -> tuple[str | None, RunOver | None]:
        """The BillingWorkflow resource; or why there can be none, and no run either."""
        try:
            told = await workflow.execute_activity_method(
                Telling.tell,
                self._status(asked, "in-progress"),
                start_to_close_timeout=RECORD_SECONDS_MAX,
                retry_policy=BEGIN_TOLD,
            )
        except ActivityError as failed:
            cause = failed.cause
            if isinstance(cause, ApplicationError) and cause.non_retryable:
                return None, self._over("failed", code=cause.type or "", detail=cause.message)
            return None, None
        return told.status_id, None

    async def _tell_end(self, asked: Asked, over: RunOver, status_id: str | None) -> None:
        """Patch the resource; a server that is away for a day is not told any more."""
        wanted = self._status(
            asked,
            "completed" if over.how == "completed" else "failed",
            status_id=status_id,
            ended_at=workflow.now().isoformat(),
        )
        try:
            await workflow.execute_activity_method(
                Telling.tell,
                wanted,
                start_to_close_timeout=RECORD_SECONDS_MAX,
                schedule_to_close_timeout=END_TOLD_WITHIN,
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=10)),
            )
        except ActivityError as failed:
            workflow.logger.error("the end of a run was not told: %s", failed.cause)

    def _status(self, asked: Asked, status: str, **more: Any) -> StatusWanted:
        return StatusWanted(
            **self._named,
            organization_id=asked.organization_id,
            workflow=asked.workflow,
            run_id=workflow.info().first_execution_run_id,
            status=status,
            **more,
        )

    def _over(self, how: str, **more: Any) -> RunOver:
        return RunOver(**self._named, how=how, **more)

    def _failed(self, why: CannotBegin | Failed, **where: Any) -> RunOver:
        return self._over("failed", code=why.code, detail=why.detail, **where)

    def _too_much(self, begun: Begun, much: TooMuch) -> RunOver:
        activity = begun.plan.activities[self._walk.place]
        return self._over("failed", code="TOO_LARGE", detail=str(much), activity=activity.id)

    def _go_on_if_long(self, begun: Begun) -> None:
        """In a history of its own, once the server finds this one long, by events or by bytes."""
        if workflow.info().is_continue_as_new_suggested():
            self._go_on(begun)

    def _go_on(self, begun: Begun) -> None:
        workflow.continue_as_new(
            WorkflowRunWork(
                **self._named, begun=begun, walk=self._walk, is_cancelled=self._is_cancelled
            )
        )


def _with_status(begun: Begun, status_id: str | None) -> Begun:
    return Begun(
        workflow=begun.workflow,
        organization_id=begun.organization_id,
        commit=begun.commit,
        plan_digest=begun.plan_digest,
        plan=begun.plan,
        input=begun.input,
        status_id=status_id,
    )
