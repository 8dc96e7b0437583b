"""AgingRefresh: what is due is computed once, whoever fails, and the schedule starts it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from services.sagas import workflow_ids
from services.sagas.aging_refresh import AgingRefresh
from services.sagas.schedules import aging_schedule_id, ensure_schedules
from tests.fixtures.databases import Database
from tests.fixtures.read_models import ReadModels
from tests.fixtures.waiting import until
from tests.workflows.aged_books import AgedBooks, aged_books

TENANTS = ("ash", "birch", "cedar", "dogwood", "elm")


@pytest.fixture
async def books(database: Database, read_models: ReadModels) -> AgedBooks:
    return await aged_books(database, read_models)


async def _run(client: Client) -> None:
    await client.execute_workflow(
        AgingRefresh.run, id=workflow_ids.aging_refresh("reports"), task_queue="reports"
    )


async def test_every_tenant_gets_a_report_once_however_many_pages_that_takes(
    skipping: WorkflowEnvironment, books: AgedBooks
) -> None:
    await books.bill(TENANTS)
    await books.catch_up()
    async with books.worker(skipping.client, "reports", tenants_max=2):
        await _run(skipping.client)
        first = await books.reports()
        assert set(first) == set(TENANTS)
        await _run(skipping.client)
    assert await books.reports() == first


async def test_a_tenant_that_fails_holds_nobody_up_and_is_due_again(
    skipping: WorkflowEnvironment, books: AgedBooks
) -> None:
    await books.bill(TENANTS[:3])
    await books.catch_up()
    admin = books.read_models.admin
    await admin.execute(
        "ALTER TABLE read.aging_reports ADD CONSTRAINT broken CHECK (tenant <> 'birch') NOT VALID"
    )
    async with books.worker(skipping.client, "reports"):
        with pytest.raises(WorkflowFailureError) as failure:
            await _run(skipping.client)
        assert "1 tenants" in str(failure.value.cause)
        assert set(await books.reports()) == {"ash", "cedar"}
        await admin.execute("ALTER TABLE read.aging_reports DROP CONSTRAINT broken")
        await _run(skipping.client)
    assert set(await books.reports()) == set(TENANTS[:3])


async def test_a_report_waits_for_the_read_model_to_have_seen_the_log(
    skipping: WorkflowEnvironment, books: AgedBooks
) -> None:
    await books.bill(["ash"])
    await books.catch_up()
    await books.bill(["birch"])
    async with books.worker(skipping.client, "reports"):
        with pytest.raises(WorkflowFailureError):
            await _run(skipping.client)
        assert await books.reports() == {}
        await books.catch_up()
        await _run(skipping.client)
    assert set(await books.reports()) == {"ash", "birch"}


async def test_the_schedule_is_made_once_and_starts_the_refresh(
    temporal_address: str, sealed: DataConverter, books: AgedBooks
) -> None:
    """On the real server, since the one that skips time has no schedules."""
    client = await Client.connect(temporal_address, data_converter=sealed)
    task_queue = f"reports-{uuid4()}"
    schedule = client.get_schedule_handle(aging_schedule_id(task_queue))
    await ensure_schedules(client, task_queue)
    try:
        await books.bill(TENANTS[:2])
        await books.catch_up()
        async with books.worker(client, task_queue):
            await schedule.trigger()

            async def computed() -> bool:
                return set(await books.reports()) == set(TENANTS[:2])

            await until(computed)
    finally:
        await schedule.delete()


async def test_a_worker_that_starts_later_brings_the_schedule_up_to_date_and_leaves_it_paused(
    temporal_address: str, sealed: DataConverter
) -> None:
    client = await Client.connect(temporal_address, data_converter=sealed)
    task_queue = f"reports-{uuid4()}"
    schedule = client.get_schedule_handle(aging_schedule_id(task_queue))
    await ensure_schedules(client, task_queue)
    try:
        await schedule.pause(note="an operator looks at it")
        await ensure_schedules(client, task_queue)
        found = (await schedule.describe()).schedule
        assert (found.state.paused, found.state.note) == (True, "an operator looks at it")
        [interval] = found.spec.intervals
        assert (interval.every, interval.offset) == (timedelta(hours=1), timedelta(minutes=35))
        assert found.policy.overlap.name == "SKIP"
    finally:
        await schedule.delete()
