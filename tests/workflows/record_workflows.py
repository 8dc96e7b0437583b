"""Records a golden history of each way that a run of a configured workflow can take; see
record_histories.py.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from contracts.ids import WorkflowRunId
from services.sagas.configured import configured_activities
from services.sagas.converter import PLAIN
from services.sagas.worker import workflows_workers
from services.workflows.code import Code
from tests.fixtures.config_projects import SCRIPT, ConfigProject, one_activity
from tests.workflows.clinic import Clinic, serve
from tests.workflows.configured import Configured
from tests.workflows.gates import SCRIPT as GATE
from tests.workflows.gates import open_gates
from tests.workflows.test_replay import HISTORIES

FLAKY = """import daybook_activity


def main(params):
    if daybook_activity.current().attempt == 1:
        raise daybook_activity.Refused("NOT_YET", "try again", True)
    return {"number": params["number"], "none": None}
"""
TREE = """id: w
activities:
  - id: flaky
    script: ./activities/flaky.py
    params: {number: $input.number}
    retry: {attempts: 2}
    activities:
      - id: never
        script: ./activities/say.py
        applicability: [$activities.flaky.output.none]
      - id: say
        script: ./activities/say.py
        params: {number: $activities.flaky.output.number}
"""


@pytest.fixture
async def recorded(
    clinic: Clinic, temporal_test_server: str, tmp_path: Path
) -> AsyncIterator[Configured]:
    """A project on a server with readable payloads, that does not note which machine recorded."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=temporal_test_server, data_converter=PLAIN, identity="recorder"
    ) as environment:
        clinic.tenant = "clinic"
        configured = Configured(serve(clinic, environment.client), ConfigProject(tmp_path))
        code = Code(configured.project.settings)
        activities = configured_activities(clinic.executor, clinic.pool, code, configured.fhir)
        async with workflows_workers(environment.client, activities):
            yield configured


async def _keep(configured: Configured, name: str, run_id: WorkflowRunId) -> None:
    """The history that began, and the one that followed it with the plan."""
    client = configured.clinic.client
    workflow_id = configured.workflow_id(run_id)
    await client.get_workflow_handle(workflow_id).result()
    runs = [each async for each in _runs(client, workflow_id)]
    for number, history in enumerate(runs, 1):
        path = HISTORIES / f"workflow-run_{name}_{number}.json"
        if not path.exists():
            path.write_text(history + "\n")


async def _runs(client: Client, workflow_id: str) -> AsyncIterator[str]:
    handle = client.get_workflow_handle(workflow_id)
    last = (await handle.describe()).raw_description.workflow_execution_info
    first_id = last.first_run_id
    if first_id and first_id != last.execution.run_id:
        first = client.get_workflow_handle(workflow_id, run_id=first_id)
        yield (await first.fetch_history()).to_json()
    yield (await handle.fetch_history()).to_json()


async def test_record_a_run_that_skips_retries_and_completes(recorded: Configured) -> None:
    recorded.project.commit(
        workflows__w_yaml=TREE, activities__flaky_py=FLAKY, activities__say_py=SCRIPT % "well"
    )
    await _keep(recorded, "completed", await recorded.run(given={"number": 7}))


async def test_record_a_run_that_fails(recorded: Configured) -> None:
    recorded.project.commit(
        workflows__w_yaml=one_activity(), activities__say_py="def main(params):\n    return {1}\n"
    )
    await _keep(recorded, "failed", await recorded.run())


async def test_record_a_run_that_cannot_begin(recorded: Configured) -> None:
    recorded.project.commit(workflows__w_yaml=one_activity("./activities/none.py"))
    await _keep(recorded, "never_begun", await recorded.run())


async def test_record_a_run_that_is_cancelled_in_the_middle(recorded: Configured) -> None:
    gate = one_activity("./activities/gate.py", params="{port: $input.port, name: it}")
    recorded.project.commit(workflows__w_yaml=gate, activities__gate_py=GATE)
    async with open_gates() as gates:
        gates.close("it")
        run_id = await recorded.ask(given={"port": gates.port})
        await recorded.clinic.settle(lambda: gates.has("it"))
        await recorded.cancel(run_id)
        await recorded.over(run_id)
    await _keep(recorded, "cancelled", run_id)
