"""Runs that are interrupted: a worker killed, a commit, a cancel, a history that grew long."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from contracts.workflow_run import WorkflowRunCancelled, WorkflowRunStarted
from services.embedded.programs import program
from services.sagas.configured import configured_activities
from services.sagas.worker import workflows_workers
from services.workflows.code import Code
from tests.fixtures.config_projects import SCRIPT as SAY
from tests.fixtures.config_projects import ConfigProject
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic, ServedClinic, serve
from tests.workflows.configured import Configured
from tests.workflows.configured_process import ConfiguredArguments
from tests.workflows.gates import SCRIPT as GATE
from tests.workflows.gates import Gates, open_gates

ROOT: Final = Path(__file__).parents[2]
THREE: Final = """id: w
activities:
  - id: first
    script: ./activities/gate.py
    params: {port: $input.port, name: first}
    activities:
      - id: second
        script: ./activities/gate.py
        params: {port: $input.port, name: second}
  - id: third
    script: ./activities/gate.py
    params: {port: $input.port, name: third}
  - id: say
    script: ./activities/say.py
"""


@pytest.fixture
async def gates() -> AsyncIterator[Gates]:
    async with open_gates() as opened:
        yield opened


def write(project: ConfigProject, workflow: str = THREE) -> None:
    project.commit(
        workflows__w_yaml=workflow, activities__gate_py=GATE, activities__say_py=SAY % "old"
    )


async def test_a_killed_worker_is_followed_at_the_same_node_and_nothing_done_runs_again(
    clinic: Clinic,
    database: Database,
    sealed: DataConverter,
    temporal_address: str,
    gates: Gates,
    tmp_path: Path,
) -> None:
    project, queue = ConfigProject(tmp_path), clinic.tenant
    write(project)
    gates.close("second")
    client = await Client.connect(temporal_address, data_converter=sealed)
    configured = Configured(serve(clinic, client, queue), project)
    arguments = ConfiguredArguments(
        postgres_url=database.url,
        temporal_address=temporal_address,
        task_queue=queue,
        settings=project.settings,
    )
    encoded = msgspec.json.encode(arguments, enc_hook=str).decode()
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.workflows.configured_process", encoded, cwd=ROOT
    )
    try:
        run_id = await configured.ask(given={"port": gates.port})
        await until(lambda: gates.has("second"))
    finally:
        victim.kill()
        await victim.wait()
    gates.open("second")
    activities = configured_activities(clinic.executor, clinic.pool, Code(project.settings), None)
    async with workflows_workers(client, activities, task_queue=queue):
        assert await configured.over(run_id) == ["completed"]
    assert dict(gates.came) == {"first": 1, "second": 2, "third": 1}
    assert [*await configured.outputs(run_id)] == ["first", "second", "third", "say"]


async def test_a_run_keeps_its_code_and_the_next_one_has_the_new(
    configured: Configured, gates: Gates
) -> None:
    project = configured.project
    write(project)
    gates.close("first")
    running = await configured.ask("1", given={"port": gates.port})
    await until(lambda: gates.has("first"))
    newest = project.commit(activities__say_py=SAY % "new")
    gates.open("first")
    after = await configured.ask("2", given={"port": gates.port})
    assert await configured.over(running, after) == ["completed"] * 2
    assert (await configured.outputs(running))["say"]["said"] == "old"
    assert (await configured.outputs(after))["say"]["said"] == "new"
    (started,) = await configured.of(after, WorkflowRunStarted)
    assert started.commit == newest


async def test_a_run_that_is_cancelled_ends_its_script_and_does_no_more(
    configured: Configured, gates: Gates
) -> None:
    write(configured.project)
    gates.close("second")
    run_id = await configured.ask(given={"port": gates.port})
    await until(lambda: gates.has("second"))
    await configured.cancel(run_id)
    assert await configured.over(run_id) == ["cancelled"]
    (cancelled,) = await configured.of(run_id, WorkflowRunCancelled)
    assert cancelled.activity == "second"
    assert [*await configured.outputs(run_id)] == ["first"]
    assert dict(gates.came) == {"first": 1, "second": 1}


async def test_a_run_that_temporal_was_asked_to_cancel_ends_as_well(
    configured: Configured, gates: Gates
) -> None:
    write(configured.project)
    gates.close("first")
    run_id = await configured.ask(given={"port": gates.port})
    await until(lambda: gates.has("first"))
    await configured.clinic.client.get_workflow_handle(configured.workflow_id(run_id)).cancel()
    assert await configured.over(run_id) == ["cancelled"]


async def test_a_run_that_is_cancelled_before_it_begins_does_nothing(
    idle_clinic: ServedClinic, gates: Gates, tmp_path: Path
) -> None:
    configured = Configured(idle_clinic, ConfigProject(tmp_path))
    write(configured.project)
    run_id = await configured.ask(given={"port": gates.port})
    await configured.cancel(run_id)
    clinic = configured.clinic
    code = Code(configured.project.settings)
    activities = configured_activities(clinic.executor, clinic.pool, code, None)
    async with workflows_workers(clinic.client, activities):
        assert await configured.over(run_id) == ["cancelled"]
    assert await configured.of(run_id, WorkflowRunStarted) == []


async def test_a_long_run_goes_on_in_further_histories_with_what_it_needs(
    clinic: Clinic, sealed: DataConverter, tmp_path: Path
) -> None:
    suggestion = "limit.historyCount.suggestContinueAsNew=12"
    async with await WorkflowEnvironment.start_local(
        data_converter=sealed,
        dev_server_existing_path=str(program("temporal")),
        dev_server_extra_args=["--dynamic-config-value", suggestion],
    ) as environment:
        served = serve(clinic, environment.client)
        configured = Configured(served, ConfigProject(tmp_path))
        below = "".join(
            f"      - {{id: n{each}, script: ./activities/say.py,"
            f" params: {{x: $activities.top.output.params.x}}}}\n"
            for each in range(8)
        )
        tree = (
            "id: w\nactivities:\n  - id: top\n    script: ./activities/say.py\n"
            f"    params: {{x: $input.x}}\n    activities:\n{below}"
        )
        write(configured.project, tree)
        code = Code(configured.project.settings)
        activities = configured_activities(clinic.executor, clinic.pool, code, None)
        async with workflows_workers(environment.client, activities):
            run_id = await configured.run(given={"x": "kept"})
        outputs = await configured.outputs(run_id)
        assert [*outputs] == ["top", *(f"n{each}" for each in range(8))]
        assert {each["params"]["x"] for each in outputs.values()} == {"kept"}
        handle = environment.client.get_workflow_handle(configured.workflow_id(run_id))
        described = await handle.describe()
        assert described.history_length < 40, "nine activities are some sixty events together"
