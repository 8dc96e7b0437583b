"""Records a golden history of each way that a saga can take; test_replay.py replays them for ever.

Run it by name, `pytest tests/workflows/record_histories.py`, for a way that has no history yet.
One that is there stays for as long as a workflow that began so may still run.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from contracts.invoice import InvoiceIssued, InvoiceReminded, InvoiceSentToCollections
from contracts.private import Private
from domain.encounter import AttentionRequired, Billed
from domain.gl_export import Completed as Exported
from domain.gl_export import Failed
from domain.invoice import VoidInvoice
from domain.payment import Posted
from domain.payment_method import RemovePaymentMethod
from domain.refund import Declined, Issued
from domain.refund import Failed as RefundHasFailed
from domain.remittance import Completed
from services.adapters.object_store import open_object_store
from services.adapters.sandbox_gateway import REFUND_FAILS, TIMES_OUT, SandboxGateway
from services.sagas import workflow_ids
from services.sagas.converter import PLAIN
from services.sagas.exporting import Exporting
from services.sagas.table import REMITTANCE_POSTING, RESUME
from services.sagas.worker import make_gateway_worker, make_worker
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.workflows.clinic import Clinic, ServedClinic, claim, serve
from tests.workflows.stating import Sending, sending
from tests.workflows.test_gl_export import asked
from tests.workflows.test_replay import HISTORIES
from tests.workflows.till import open_till


@pytest.fixture
async def environment(temporal_test_server: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server with readable payloads, that does not note which machine recorded."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=temporal_test_server, data_converter=PLAIN, identity="recorder"
    ) as environment:
        yield environment


@pytest.fixture
def served(environment: WorkflowEnvironment, clinic: Clinic) -> ServedClinic:
    """A clinic whose workflow ids do not change from one recording to the next."""
    served = serve(clinic, environment.client)
    served.tenant = "clinic"
    return served


@pytest.fixture
async def sends(served: ServedClinic, database: Database) -> Sending:
    """What makes statements and reminds."""
    return await sending(served, database, {}, accounts_max=2)


@pytest.fixture
async def recorded(
    served: ServedClinic, sends: Sending, database: Database
) -> AsyncIterator[ServedClinic]:
    """A clinic with its worker."""
    await served.publish(A=10_000)
    exporting = Exporting(
        served.executor,
        served.pool,
        await database.pool("daybook_reader", 1),
        open_object_store(database.objects.as_uri()),
    )
    outside = (exporting.export, *sends.activities)
    async with (
        make_worker(served.client, served.executor, served.pool, outside=outside),
        make_gateway_worker(
            served.client, served.executor, served.pool, SandboxGateway(served.pool)
        ),
    ):
        yield served


async def _runs(clinic: ServedClinic, workflow_id: str) -> list[str]:
    """The runs that continued each other, the first one first."""
    handle = clinic.client.get_workflow_handle(workflow_id)
    last = await handle.fetch_history()
    begun = last.events[0].workflow_execution_started_event_attributes
    return [begun.first_execution_run_id, last.run_id]


async def _keep(
    clinic: ServedClinic, name: str, workflow_id: str, run_id: str | None = None
) -> None:
    handle = clinic.client.get_workflow_handle(workflow_id, run_id=run_id)
    await handle.result()
    path = HISTORIES / f"{name}.json"
    if not path.exists():
        path.write_text((await handle.fetch_history()).to_json() + "\n")


async def _waits(clinic: Clinic) -> bool:
    return bool(await clinic.admin.fetchval("SELECT count(*) FROM saga_waits"))


async def test_record_encounters_together(recorded: ServedClinic) -> None:
    clinic = recorded
    bad = clinic.encounter("bad", "LATER")
    await clinic.record(clinic.encounter("e1", "A"), bad, clinic.encounter("e2", "A"))
    [first, _, last] = events = await clinic.new_events()
    await clinic.consumer.take(events)
    await clinic.settle(lambda: _waits(clinic))
    await clinic.publish(LATER=100)
    await clinic.resume(bad)
    await clinic.settle(clinic.are([bad.encounter_id], Billed))
    together = workflow_ids.of_batch("encounter", "clinic", first.position, last.position)
    await _keep(clinic, "encounters_together_one_parked_and_resumed", together)


async def test_record_encounter_resumed(recorded: ServedClinic) -> None:
    clinic = recorded
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)
    for _ in range(2):
        await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
        await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
    await clinic.publish(LATER=100)
    await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    own = workflow_ids.of_one("encounter", "clinic", encounter.encounter_id)
    await _keep(clinic, "encounter_parked_and_resumed", own)


async def test_record_remittances_together(
    recorded: ServedClinic, environment: WorkflowEnvironment
) -> None:
    clinic = recorded
    soon, never = clinic.encounter("soon", "A"), clinic.encounter("never", "A")
    one, two = clinic.remittance("r1", claim(soon, 100)), clinic.remittance("r2", claim(never, 200))
    await clinic.receive(one, two)
    [first, last] = events = await clinic.new_events()
    await clinic.consumer.take(events)
    await clinic.settle(lambda: _waits(clinic))
    await clinic.record(soon)
    await clinic.settle(clinic.are([one.remittance_id], Completed))
    await environment.sleep(timedelta(days=31))
    await clinic.settle(clinic.are([two.remittance_id], Completed))
    together = workflow_ids.of_batch("remittance", "clinic", first.position, last.position)
    await _keep(clinic, "remittances_together_one_woken_one_given_up", together)


async def test_record_remittance_given_up(
    recorded: ServedClinic, environment: WorkflowEnvironment
) -> None:
    clinic = recorded
    encounter = clinic.encounter("e", "A")
    remittance = clinic.remittance("r", claim(encounter, 100))
    own = workflow_ids.of_one("remittance", "clinic", remittance.remittance_id)
    await clinic.receive(remittance)
    await clinic.settle(lambda: _waits(clinic))
    # Resumed while it waits, which finds nothing new.
    await clinic.client.get_workflow_handle(own).signal(RESUME)
    await environment.sleep(timedelta(days=31))
    await clinic.settle(clinic.are([remittance.remittance_id], Completed))
    await _keep(clinic, "remittance_given_up", own)
    await clinic.record(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    await clinic.starting.resume(REMITTANCE_POSTING, "clinic", remittance.remittance_id)
    await _keep(clinic, "remittance_parked_and_resumed", own)


async def test_record_a_run_of_statements(recorded: ServedClinic, sends: Sending) -> None:
    clinic = recorded
    for number in range(5):
        await sends.open(f"p{number}")
    start = sends.start("print")
    run_id = await sends.begin(start)
    await sends.settle(start.stream_id)
    own = workflow_ids.of_one("statement-run", "clinic", run_id)
    first = (await _runs(clinic, own))[0]
    await _keep(clinic, "statement-run_of_one_facility", own, first)
    await _keep(clinic, "statement-run_at_its_end", own)
    facility = workflow_ids.of_facility("clinic", run_id, "north")
    await _keep(clinic, "statement-run_pages", facility)


async def test_record_a_collection(
    recorded: ServedClinic, sends: Sending, environment: WorkflowEnvironment, database: Database
) -> None:
    clinic = recorded
    account_id = await sends.open("p1")
    await sends.charge(account_id)
    await sends.issue(account_id, due_days=1)
    await catch_up(database)
    await clinic.deliver()
    (issued,) = await clinic.events(InvoiceIssued)

    async def handed_over() -> bool:
        await environment.sleep(timedelta(days=8))
        return bool(await clinic.count(InvoiceSentToCollections))

    await clinic.settle(handed_over)
    own = workflow_ids.of_one("collection", "clinic", issued.due_on.isoformat())
    await _keep(clinic, "collection_reminded_and_handed_over", own)


async def test_record_a_collection_that_ends_early(
    recorded: ServedClinic, sends: Sending, environment: WorkflowEnvironment, database: Database
) -> None:
    clinic = recorded
    account_id = await sends.open("p1")
    await sends.charge(account_id)
    invoice_id = await sends.issue(account_id, due_days=1)
    await catch_up(database)
    await clinic.deliver()
    (issued,) = await clinic.events(InvoiceIssued)

    async def reminded() -> bool:
        await environment.sleep(timedelta(days=2))
        return bool(await clinic.count(InvoiceReminded))

    await clinic.settle(reminded)
    reason = Private(subject="p1", sealed="c2VhbGVk")
    await clinic.execute(VoidInvoice(invoice_id=invoice_id, reason=reason))
    await environment.sleep(timedelta(days=30))
    own = workflow_ids.of_one("collection", "clinic", issued.due_on.isoformat())
    await _keep(clinic, "collection_ended_early", own)


async def test_record_gl_exports_together(recorded: ServedClinic, database: Database) -> None:
    clinic = recorded
    refused, exported = asked("refused", layout="f00"), asked("exported")
    await clinic.execute(refused, exported)
    await catch_up(database)
    [first, last] = events = await clinic.new_events()
    await clinic.consumer.take(events)
    await clinic.settle(clinic.are([refused.gl_export_id], Failed))
    await clinic.settle(clinic.are([exported.gl_export_id], Exported))
    together = workflow_ids.of_batch("gl-export", "clinic", first.position, last.position)
    await _keep(clinic, "gl-exports_together_one_refused", together)


def _own(kind: str, stream_id: str) -> str:
    return workflow_ids.of_one(kind, "clinic", stream_id)


async def test_record_card_payment(recorded: ServedClinic) -> None:
    payment_id = await (await open_till(recorded)).pay(card=TIMES_OUT)
    await recorded.settle(recorded.are([payment_id], Posted))
    await _keep(recorded, "card-payment_answered_late", _own("card-payment", payment_id))


async def test_record_refunds_that_were_approved(recorded: ServedClinic) -> None:
    till = await open_till(recorded)
    early = await till.ask_back(await till.paid("one"), "early")
    await till.approve(early)
    await recorded.settle(recorded.are([early], Issued))
    await _keep(recorded, "refund_approved_before_it_was_looked_at", _own("refund", early))
    late = await till.ask_back(await till.paid("two", REFUND_FAILS), "late")
    handle = recorded.client.get_workflow_handle(_own("refund", late))
    await recorded.deliver()

    async def looked_at() -> bool:
        events = (await handle.fetch_history()).events
        return any(event.HasField("activity_task_completed_event_attributes") for event in events)

    await recorded.settle(looked_at)
    await till.approve(late)
    await recorded.settle(recorded.are([late], RefundHasFailed))
    await _keep(recorded, "refund_approved_and_failed", _own("refund", late))


async def test_record_a_refund_that_was_rejected(recorded: ServedClinic) -> None:
    till = await open_till(recorded)
    refund_id = await till.ask_back(await till.paid())
    await recorded.deliver()
    await till.reject(refund_id)
    await recorded.settle(recorded.are([refund_id], Declined))
    await recorded.deliver()
    await _keep(recorded, "refund_rejected", _own("refund", refund_id))


async def test_record_method_removal(recorded: ServedClinic) -> None:
    till = await open_till(recorded)
    method_id = await till.save()
    await recorded.execute(
        RemovePaymentMethod(payment_method_id=method_id, account_id=till.account_id)
    )
    await recorded.deliver()
    await _keep(recorded, "payment-method_removed", _own("payment-method", method_id))
