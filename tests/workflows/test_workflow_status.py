"""A run keeps a BillingWorkflow resource: in progress, then completed or failed."""

from pathlib import Path
from typing import Any

import pytest

from contracts.workflow_run import WorkflowRunStarted
from services.adapters.fhir import FhirServers
from services.sagas.configured import configured_activities
from services.sagas.worker import workflows_workers
from services.workflows.code import Code
from tests.fixtures.config_projects import SCRIPT, ConfigProject, one_activity
from tests.workflows.clinic import ServedClinic
from tests.workflows.configured import Configured
from tests.workflows.gates import SCRIPT as GATE
from tests.workflows.gates import open_gates

RESOURCE = "BillingWorkflow"


async def resources(configured: Configured, organization_id: str | None = None) -> list[Any]:
    return await configured.fhir(configured.clinic.tenant, organization_id).search(RESOURCE, {})


async def test_a_run_is_in_progress_and_then_completed_under_its_identifiers(
    configured: Configured,
) -> None:
    gate = one_activity("./activities/gate.py", params="{port: $input.port, name: it}")
    configured.project.commit(workflows__w_yaml=gate, activities__gate_py=GATE)
    async with open_gates() as gates:
        gates.close("it")
        run_id = await configured.ask(given={"port": gates.port})
        await configured.clinic.settle(lambda: gates.has("it"))
        (running,) = await resources(configured)
        assert running["status"] == "in-progress"
        assert "end" not in running["executionPeriod"]
        gates.open("it")
        await configured.over(run_id)
    handle = configured.clinic.client.get_workflow_handle(configured.workflow_id(run_id))
    await handle.result()
    (completed,) = await resources(configured)
    assert completed["status"] == "completed"
    period = completed["executionPeriod"]
    assert period["start"] <= period["end"]
    described = (await handle.describe()).raw_description.workflow_execution_info
    assert {each["system"]: each["value"] for each in completed["identifier"]} == {
        "urn:temporal:workflow-id": configured.workflow_id(run_id),
        "urn:temporal:run-id": described.first_run_id or running["identifier"][1]["value"],
    }
    found = await configured.fhir(configured.clinic.tenant).search(
        RESOURCE, {"identifier": f"urn:temporal:workflow-id|{configured.workflow_id(run_id)}"}
    )
    assert [each["id"] for each in found] == [completed["id"]]


@pytest.mark.parametrize(
    "files",
    [
        {"workflows__w_yaml": one_activity(), "activities__say_py": "def main(p): 1 / 0"},
        {"workflows__w_yaml": "id: ["},
    ],
)
async def test_a_run_that_fails_says_so_there_whenever_it_failed(
    configured: Configured, files: dict[str, str]
) -> None:
    configured.project.commit(**files)
    run_id = await configured.run()
    handle = configured.clinic.client.get_workflow_handle(configured.workflow_id(run_id))
    await handle.result()
    (failed,) = await resources(configured)
    assert failed["status"] == "failed"
    assert failed["executionPeriod"]["end"]


async def test_with_an_organisation_everything_of_fhir_is_below_it(configured: Configured) -> None:
    tenant = configured.clinic.tenant
    await configured.fhir(tenant).upsert({"resourceType": "Organization", "id": "north"})
    await configured.fhir(tenant, "north").upsert({"resourceType": "Patient", "id": "theirs"})
    await configured.fhir(tenant).upsert({"resourceType": "Patient", "id": "elsewhere"})
    script = (
        "from daybook_activity import call\n"
        "def main(params):\n"
        "    return [call('fhir/read', type='Patient', id=id_) is not None\n"
        "            for id_ in ('theirs', 'elsewhere')]\n"
    )
    configured.project.commit(workflows__w_yaml=one_activity(), activities__say_py=script)
    run_id = await configured.run(tenant_organization_id="north")
    assert (await configured.outputs(run_id))["say"] == [True, False]
    handle = configured.clinic.client.get_workflow_handle(configured.workflow_id(run_id))
    await handle.result()
    (kept,) = await resources(configured, "north")
    assert kept["status"] == "completed"


async def test_an_organisation_of_another_tenant_is_not_known(configured: Configured) -> None:
    await configured.fhir("another").upsert({"resourceType": "Organization", "id": "theirs"})
    configured.project.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "x")
    run_id = await configured.run(tenant_organization_id="theirs")
    failed, detail = await configured.failure(run_id)
    assert (failed.code, detail) == ("ORGANIZATION_UNKNOWN", "there is no organisation theirs")
    assert await configured.of(run_id, WorkflowRunStarted) == []


async def test_a_fhir_server_that_is_away_keeps_no_run_from_billing(
    idle_clinic: ServedClinic, tmp_path: Path
) -> None:
    project = ConfigProject(tmp_path)
    project.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "well")
    configured = Configured(idle_clinic, project)
    servers = FhirServers("http://127.0.0.1:1/fhir", again_seconds=0)
    activities = configured_activities(
        idle_clinic.executor, idle_clinic.pool, Code(project.settings), servers
    )
    async with workflows_workers(idle_clinic.client, activities):
        assert await configured.over(await configured.ask()) == ["completed"]
    await servers.close()
