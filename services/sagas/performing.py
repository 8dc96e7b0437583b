"""The activities of WorkflowRun that plan and record: what is to be done, and what was done."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final

import asyncpg
import msgspec
from temporalio import activity
from temporalio.exceptions import ApplicationError

from contracts.ids import WorkflowRunId
from contracts.private import Private
from contracts.workflow_run import WorkflowRunRequested, WorkflowRunStepCompleted
from domain import naming
from domain.plan import Compiled, PlanInvalid, digest
from domain.workflow_run import (
    CompleteStep,
    CompleteWorkflowRun,
    EndCancelledRun,
    Ended,
    FailWorkflowRun,
    SkipSteps,
    StartWorkflowRun,
)
from services.execute.envelope import Refused
from services.execute.executor import Executor
from services.sagas.gateway import read_source
from services.sagas.ledger import Source
from services.sagas.pulse import heartbeats
from services.sagas.steps import Step, execute_steps, try_again
from services.sagas.workflow_messages import (
    Asked,
    Beginning,
    Begun,
    CannotBegin,
    OverAlready,
    RunOver,
    Standing,
    StepDone,
    StepsLeftOut,
    WorkflowRunWork,
)
from services.sealing import find_keys, make_keys, open_sealed, seal
from services.workflows.code import Code, CodeUnusable
from services.workflows.use import forget_use, note_use

OUTPUT_KEPT_BYTES_MAX: Final = 32 * 1024
"""Of an output in its event and its read model; what is longer is there by size and digest."""
DETAIL_LETTERS_MAX: Final = 16_000
_WHAT: Final = "run of a workflow"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Performing:
    """Plans and records runs; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool, code: Code) -> None:
        self._executor = executor
        self._pool = pool
        self._code = code

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """All of them."""
        return (self.look, self.prepare, self.complete_step, self.skip_steps, self.end)

    @activity.defn(name="look_at_workflow_run")
    async def look(self, work: WorkflowRunWork) -> Standing:
        """What was asked for."""
        source = await self._source(work)
        if isinstance(source.state, Ended):
            return OverAlready()
        asked: WorkflowRunRequested = source.event
        return Asked(
            workflow=asked.workflow,
            organization_id=asked.tenant_organization_id,
            is_cancelled=source.state.is_cancelled,
        )

    @activity.defn(name="prepare_workflow_run")
    async def prepare(self, work: WorkflowRunWork) -> Beginning:
        """The plan, of the commit that the run keeps to from now on; recorded before it is used."""
        async with heartbeats():
            source = await self._source(work)
            asked: WorkflowRunRequested = source.event
            given = await self._opened(work.tenant, asked.input)
            if given is None:
                return CannotBegin(code="INPUT_FORGOTTEN", detail="its input was forgotten")
            try:
                newest = await asyncio.to_thread(self._code.commit, asked.branch)
                commit = await note_use(self._pool, work.tenant, work.workflow_run_id, newest)
                compiled = await asyncio.to_thread(self._code.load, commit, asked.workflow)
            except CodeUnusable as unusable:
                return CannotBegin(code=unusable.code, detail=str(unusable))
            except PlanInvalid as invalid:
                return CannotBegin(code="WORKFLOW_INVALID", detail=str(invalid))
            return await self._started(source, commit, compiled, msgspec.json.decode(given))

    @activity.defn(name="complete_workflow_step")
    async def complete_step(self, done: StepDone) -> None:
        """Record what an activity gave."""
        source = await self._source(done)
        output = _encode(done.output)
        is_kept = len(output) <= OUTPUT_KEPT_BYTES_MAX
        completed = WorkflowRunStepCompleted(
            workflow_run_id=WorkflowRunId(done.workflow_run_id),
            activity=done.activity,
            attempts=done.attempts,
            output_bytes=len(output),
            output_sha256=hashlib.sha256(output).hexdigest(),
            output=await self._sealed(source, output.decode()) if is_kept else None,
        )
        await self._take(source, f"step/{done.activity}", CompleteStep(completed=completed))

    @activity.defn(name="skip_workflow_steps")
    async def skip_steps(self, left_out: StepsLeftOut) -> None:
        """Record what was left out."""
        command = SkipSteps(
            workflow_run_id=WorkflowRunId(left_out.workflow_run_id),
            activities=left_out.activities,
            condition=left_out.condition,
        )
        source = await self._source(left_out)
        await self._take(source, f"step/{left_out.activities[0]}", command)

    @activity.defn(name="end_workflow_run")
    async def end(self, over: RunOver) -> None:
        """Record how a run ended, and use its commit no more."""
        source = await self._source(over)
        if not isinstance(source.state, Ended):
            await self._take(source, "end", await self._ending(source, over))
        await forget_use(self._pool, over.tenant, over.workflow_run_id)

    async def _started(
        self, source: Source, commit: str, compiled: Compiled, given: Any
    ) -> Beginning:
        asked: WorkflowRunRequested = source.event
        plan = compiled.plan
        command = StartWorkflowRun(
            workflow_run_id=asked.workflow_run_id,
            commit=commit,
            plan_digest=digest(plan),
            activity_count=len(plan.activities),
        )
        await self._take(source, "start", command)
        return Begun(
            workflow=asked.workflow,
            organization_id=asked.tenant_organization_id,
            commit=commit,
            plan_digest=command.plan_digest,
            plan=plan,
            input=given,
        )

    async def _ending(self, source: Source, over: RunOver) -> Any:
        run_id = WorkflowRunId(over.workflow_run_id)
        match over.how:
            case "completed":
                return CompleteWorkflowRun(workflow_run_id=run_id)
            case "cancelled":
                return EndCancelledRun(workflow_run_id=run_id, activity=over.activity)
            case _:
                return FailWorkflowRun(
                    workflow_run_id=run_id,
                    code=over.code,
                    detail=await self._sealed(source, over.detail[-DETAIL_LETTERS_MAX:]),
                    activity=over.activity,
                    attempts=over.attempts,
                )

    async def _take(self, source: Source, name: str, command: Any) -> None:
        (outcome,) = await execute_steps(self._executor, [Step(source, name, command)])
        if isinstance(outcome, Refused):
            said = f"{outcome.code}: {outcome.detail}"
            if outcome.transient:
                raise try_again("steps of workflows", 1, said)
            # The ledger says that the run is over, or has another plan: this is not its workflow.
            raise ApplicationError(said, type=outcome.code, non_retryable=True)

    async def _source(self, work: Any) -> Source:
        return await read_source(
            self._pool, work.tenant, work.workflow_run_id, WorkflowRunRequested, _WHAT
        )

    async def _sealed(self, source: Source, text: str) -> Private:
        subject = naming.workflow_run_subject(WorkflowRunId(source.stream_id))
        keys = await make_keys(self._pool, source.tenant, [subject])
        return seal(keys, source.tenant, subject, text)

    async def _opened(self, tenant: str, private: Private) -> str | None:
        return open_sealed(await find_keys(self._pool, tenant, [private.subject]), tenant, private)
