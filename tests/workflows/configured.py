"""A clinic with a config project: it asks for runs of workflows, and sees what becomes of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contracts.ids import WorkflowRunId, derive
from contracts.private import Private
from contracts.workflow_run import (
    WorkflowRunFailed,
    WorkflowRunStepCompleted,
    WorkflowRunStepsSkipped,
)
from domain import naming
from domain.workflow_run import CancelWorkflowRun, Ended, RequestWorkflowRun
from services.adapters.fhir_store import StoredFhir
from services.sagas.table import WORKFLOW_RUN
from services.sagas.workflow_ids import of_one
from services.sealing import find_keys, make_keys, open_sealed, seal
from tests.fixtures.config_projects import ConfigProject
from tests.workflows.clinic import ServedClinic


@dataclass
class Configured:
    """One tenant, its project and the server that its runs are on."""

    clinic: ServedClinic
    project: ConfigProject

    async def ask(self, name: str = "1", workflow: str = "w", **fields: Any) -> WorkflowRunId:
        """Ask for a run; `given` is its input."""
        run_id = WorkflowRunId(derive("wfr", self.clinic.tenant, name))
        subject = naming.workflow_run_subject(run_id)
        keys = await make_keys(self.clinic.pool, self.clinic.tenant, [subject])
        given = json.dumps(fields.pop("given", {}))
        command = RequestWorkflowRun(
            workflow_run_id=run_id,
            workflow=workflow,
            input=seal(keys, self.clinic.tenant, subject, given),
            **fields,
        )
        await self.clinic.execute(command)
        await self.clinic.deliver()
        return run_id

    async def cancel(self, run_id: WorkflowRunId) -> None:
        """Have it end before its time."""
        await self.clinic.execute(CancelWorkflowRun(workflow_run_id=run_id))
        await self.clinic.deliver()

    async def over(self, *run_ids: WorkflowRunId) -> list[str]:
        """How these ended, once all of them have."""
        await self.clinic.settle(self.clinic.are(run_ids, Ended))
        return [(await self.clinic.state(run_id)).how for run_id in run_ids]

    async def run(self, workflow: str = "w", **fields: Any) -> WorkflowRunId:
        """Ask for a run and wait for its end."""
        run_id = await self.ask(workflow=workflow, **fields)
        await self.over(run_id)
        return run_id

    async def outputs(self, run_id: WorkflowRunId) -> dict[str, Any]:
        """What its activities gave, in their order; null for one that is not kept."""
        return {
            each.activity: await self.opened(each.output)
            for each in await self.of(run_id, WorkflowRunStepCompleted)
        }

    async def skipped(self, run_id: WorkflowRunId) -> Sequence[WorkflowRunStepsSkipped]:
        """What was left out."""
        return await self.of(run_id, WorkflowRunStepsSkipped)

    async def failure(self, run_id: WorkflowRunId) -> tuple[WorkflowRunFailed, str]:
        """Why it failed."""
        (failed,) = await self.of(run_id, WorkflowRunFailed)
        detail = await self.opened(failed.detail, is_json=False)
        return failed, detail

    async def of(self, run_id: WorkflowRunId, kind: Any) -> list[Any]:
        """The events of a run of one type."""
        found = await self.clinic.events(kind)
        return [each for each in found if each.workflow_run_id == run_id]

    async def opened(self, private: Private | None, *, is_json: bool = True) -> Any:
        """What is sealed."""
        if private is None:
            return None
        keys = await find_keys(self.clinic.pool, self.clinic.tenant, [private.subject])
        text = open_sealed(keys, self.clinic.tenant, private)
        assert text is not None, "its key is there"
        return msgspec.json.decode(text) if is_json else text

    def fhir(self, tenant: str, organization_id: str | None = None) -> StoredFhir:
        """The embedded FHIR store."""
        return StoredFhir(self.clinic.pool, tenant, organization_id)

    def workflow_id(self, run_id: WorkflowRunId) -> str:
        """The id of its workflow."""
        return of_one(WORKFLOW_RUN.kind, self.clinic.tenant, run_id)
