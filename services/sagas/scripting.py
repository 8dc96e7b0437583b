"""The activity of WorkflowRun that runs a script, and answers what it asks."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from temporalio import activity

from contracts.workflow_run import WorkflowRunRequested
from services.execute.executor import Executor
from services.ports import FhirOf
from services.sagas.gateway import read_source
from services.sagas.pulse import heartbeats
from services.sagas.steps import this_workflow
from services.sagas.workflow_messages import RunActivity
from services.workflows.asking import Asking, Grant
from services.workflows.code import Code, CodeUnusable
from services.workflows.scripts import Ended, Failed, Job, Running, run_script


class Scripting:
    """Runs scripts; the pool acts as daybook_writer."""

    def __init__(
        self, executor: Executor, pool: asyncpg.Pool, code: Code, fhir_of: FhirOf | None
    ) -> None:
        self._pool = pool
        self._code = code
        self._asking = Asking(executor, pool, fhir_of)

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """All of them."""
        return (self.run_script,)

    @activity.defn(name="run_workflow_script")
    async def run_script(self, work: RunActivity) -> Ended:
        """Run it in a process of its own; whatever it does is an outcome."""
        async with heartbeats():
            try:
                job = await self._job(work)
            except CodeUnusable as unusable:
                return Failed(code=unusable.code, detail=str(unusable), retryable=False)
            return await run_script(job, self._asking.answer(await self._grant(work)))

    async def _job(self, work: RunActivity) -> Job:
        project, path, interpreter = await asyncio.to_thread(
            self._code.place, work.commit, work.script
        )
        running = Running(
            tenant=work.tenant,
            organization_id=work.organization_id,
            workflow_run_id=work.workflow_run_id,
            workflow=work.workflow,
            activity=work.activity,
            commit=work.commit,
            attempt=work.attempt,
        )
        return Job(
            interpreter=interpreter,
            script=path,
            project=project,
            params=work.params,
            running=running,
            timeout_seconds=work.timeout_seconds,
            passed=self._code.settings.script_variables,
        )

    async def _grant(self, work: RunActivity) -> Grant:
        source = await read_source(
            self._pool, work.tenant, work.workflow_run_id, WorkflowRunRequested, "run"
        )
        return Grant(
            tenant=work.tenant,
            organization_id=work.organization_id,
            workflow_run_id=work.workflow_run_id,
            activity=work.activity,
            actor=f"saga:{this_workflow()}",
            correlation_id=source.cause.correlation_id,
            traceparent=source.cause.traceparent,
        )
