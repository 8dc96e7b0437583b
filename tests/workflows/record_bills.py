"""Records a golden history of each way that bills and billing periods can take; see
record_histories.py.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from contracts.bill import ClosedBy
from contracts.ids import StreamId
from domain.bill import RetryBill
from domain.bill_states import Active, AttentionRequired, Closed
from domain.payment_method import RemovePaymentMethod
from domain.period import ClosePeriod
from services.adapters.sandbox_gateway import DECLINED, SandboxGateway
from services.execute.executor import Executor
from services.sagas import workflow_ids
from services.sagas.bill_messages import CloseAsked, ItemAsked
from services.sagas.converter import PLAIN
from services.sagas.search_attributes import ensure_search_attributes
from services.sagas.worker import make_bills_worker, make_gateway_worker, make_worker
from tests.fixtures.databases import Database
from tests.workflows.billed import Billed, SkippedClock
from tests.workflows.clinic import Clinic, ServedClinic, serve
from tests.workflows.stating import sending
from tests.workflows.test_replay import HISTORIES
from tests.workflows.till import Till


@pytest.fixture
async def environment(temporal_test_server: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server with readable payloads, that does not note which machine recorded."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=temporal_test_server, data_converter=PLAIN, identity="recorder"
    ) as environment:
        yield environment


async def _keep(clinic: ServedClinic, name: str, workflow_id: str) -> None:
    handle = clinic.client.get_workflow_handle(workflow_id)
    await handle.result()
    path = HISTORIES / f"{name}.json"
    if not path.exists():
        path.write_text((await handle.fetch_history()).to_json() + "\n")


def _own(kind: str, stream_id: str) -> str:
    return workflow_ids.of_one(kind, "clinic", stream_id)


@pytest.fixture
async def bills(
    environment: WorkflowEnvironment, database: Database, clinic: Clinic
) -> AsyncIterator[Billed]:
    """A clinic whose ledger's clock is skipped, with the workers of bills."""
    await ensure_search_attributes(environment.client)
    pool, clock = await database.pool("daybook_writer", 10), SkippedClock()
    async with Executor(pool, now=clock.now) as executor:
        served = serve(Clinic("clinic", executor, pool, clinic.admin), environment.client)
        sends = await sending(served, database, {})
        async with (
            make_worker(served.client, executor, pool, outside=sends.activities),
            make_gateway_worker(served.client, executor, pool, SandboxGateway(pool)),
            make_bills_worker(served.client, executor, pool),
        ):
            yield Billed(served, clock, environment)


async def test_record_a_bill_from_its_start_to_its_end(bills: Billed) -> None:
    now = bills.clock.now()
    made = await bills.make(starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=9))
    await bills.looked_at(made, status="pending")
    await bills.skip(days=1, minutes=1)
    await bills.are(Active, made)
    await bills.add(made)
    item = ItemAsked(key="k", amount="1.25", currency="USD")
    await bills.workflow(made).signal("add_line_item", item)
    await bills.looked_at(made, item_count=2)
    await bills.skip(days=9)
    await bills.are(Closed, made)
    await _keep(bills.clinic, "bill_from_start_to_end", _own("bill", made.bill_id))


async def test_record_a_bill_that_needed_attention(bills: Billed) -> None:
    made = await bills.make_monthly()
    method_id = await Till(bills.clinic, made.account_id).save(DECLINED)
    await bills.add(made)
    await bills.looked_at(made, item_count=1)
    asked = CloseAsked(reason="done")
    await bills.workflow(made).signal("close_bill", asked)
    await bills.are(AttentionRequired, made)
    await bills.looked_at(made, status="attention_required")
    await bills.clinic.execute(
        RemovePaymentMethod(payment_method_id=method_id, account_id=made.account_id),
        RetryBill(bill_id=made.bill_id, account_id=made.account_id),
    )
    await bills.are(Closed, made)
    await bills.clinic.deliver()
    await _keep(bills.clinic, "bill_needed_attention_and_was_retried", _own("bill", made.bill_id))


async def test_record_the_ends_of_periods(bills: Billed) -> None:
    ended = await bills.start_period(days=2)
    made = await bills.make_in_period("one")
    await bills.looked_at(made, status="active")
    await bills.skip(days=2, minutes=1)
    await bills.are(Closed, made)
    await _keep(bills.clinic, "period_ended_with_an_open_bill", _own("period", ended))
    closed = await bills.start_period("cust-2")
    await bills.clinic.deliver()
    stream_id = StreamId(closed.partition("-")[0])
    await bills.clinic.execute(ClosePeriod(stream_id=stream_id, closed_by=ClosedBy.REQUEST))
    await bills.clinic.deliver()
    await _keep(bills.clinic, "period_closed_by_hand", _own("period", closed))
