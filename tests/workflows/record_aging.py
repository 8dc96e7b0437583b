"""Records the golden histories of AgingRefresh, as record_histories.py does those of the sagas.

Run it by name, `pytest tests/workflows/record_aging.py`, for a page that has no history yet.
"""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from services.sagas import workflow_ids
from services.sagas.aging_refresh import AgingRefresh
from services.sagas.converter import PLAIN
from tests.fixtures.databases import Database
from tests.fixtures.read_models import ReadModels
from tests.workflows.aged_books import AgedBooks, aged_books
from tests.workflows.test_replay import HISTORIES


@pytest.fixture
async def client(temporal_test_server: str) -> AsyncIterator[Client]:
    """A server with readable payloads, that does not note which machine recorded."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=temporal_test_server, data_converter=PLAIN, identity="recorder"
    ) as environment:
        yield environment.client


@pytest.fixture
async def books(database: Database, read_models: ReadModels) -> AgedBooks:
    return await aged_books(database, read_models)


def _keep(name: str, history: WorkflowHistory) -> None:
    path = HISTORIES / f"{name}.json"
    if not path.exists():
        path.write_text(history.to_json() + "\n")


async def test_record_a_page_and_the_last_one(client: Client, books: AgedBooks) -> None:
    await books.bill(("ash", "birch", "cedar", "dogwood"))
    await books.catch_up()
    workflow_id = workflow_ids.aging_refresh("reports")
    async with books.worker(client, "reports", tenants_max=3):
        first = await client.start_workflow(AgingRefresh.run, id=workflow_id, task_queue="reports")
        await first.result()
    run_id = first.first_execution_run_id
    page = client.get_workflow_handle(workflow_id, run_id=run_id)
    _keep("aging_of_a_page_of_three", await page.fetch_history())
    last = client.get_workflow_handle(workflow_id)
    _keep("aging_of_the_last_page", await last.fetch_history())
