"""Long lives: a workflow whose history grows continues as new and forgets nothing."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from contracts.encounter import EncounterAttentionRequired
from domain.encounter import AttentionRequired, Billed
from domain.remittance import Completed
from services.embedded.programs import program
from services.sagas import workflow_ids
from services.sagas.table import WAKE
from services.sagas.worker import make_worker
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic, ServedClinic, claim, serve

EVENTS_MAX = 12


@pytest.fixture
async def short_lived(clinic: Clinic, sealed: DataConverter) -> AsyncIterator[ServedClinic]:
    """A clinic on a server that finds a history long after a dozen events."""
    suggestion = f"limit.historyCount.suggestContinueAsNew={EVENTS_MAX}"
    async with await WorkflowEnvironment.start_local(
        data_converter=sealed,
        dev_server_existing_path=str(program("temporal")),
        dev_server_extra_args=["--dynamic-config-value", suggestion],
    ) as environment:
        served = serve(clinic, environment.client)
        await served.publish(A=10_000)
        async with make_worker(served.client, served.executor, served.pool):
            yield served


async def _runs(client: Client, workflow_id: str) -> bool:
    description = await client.get_workflow_handle(workflow_id).describe()
    return description.raw_description.workflow_execution_info.first_run_id != description.run_id


async def test_an_encounter_that_is_resumed_again_and_again_is_still_billed(
    short_lived: ServedClinic,
) -> None:
    clinic = short_lived
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)
    for times in range(1, 6):
        await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
        assert await clinic.count(EncounterAttentionRequired) == times
        await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
    own = workflow_ids.of_one("encounter", clinic.tenant, encounter.encounter_id)
    await until(lambda: _runs(clinic.client, own))
    await clinic.publish(LATER=100)
    await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))


async def test_a_remittance_that_is_woken_again_and_again_still_waits(
    short_lived: ServedClinic,
) -> None:
    clinic = short_lived
    encounter = clinic.encounter("e", "A")
    remittance = clinic.remittance("r", claim(encounter, 100))
    await clinic.receive(remittance)
    await clinic.deliver()
    own = workflow_ids.of_one("remittance", clinic.tenant, remittance.remittance_id)

    async def woken_into_a_new_run() -> bool:
        await clinic.client.get_workflow_handle(own).signal(WAKE)
        return await _runs(clinic.client, own)

    await until(woken_into_a_new_run)
    await clinic.record(encounter)
    await clinic.settle(clinic.are([remittance.remittance_id], Completed))
