"""InvoiceCollection on a server that skips time: two months of reminders in seconds."""

from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from contracts.ids import InvoiceId, PaymentId, derive
from contracts.invoice import InvoiceIssued, InvoiceReminded, InvoiceSentToCollections
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.statement import DeliveryChannel
from domain.collecting import RemindInvoice, SendToCollections
from domain.invoice import VoidInvoice
from domain.payment import PostPayment
from services.execute.envelope import Refused
from services.ports import Channel, Undeliverable
from services.sagas import workflow_ids
from services.sagas.messages import CollectOn
from services.sagas.worker import make_worker
from services.statements.collections import CollectionSchedule, set_schedule
from services.tenant_view import tenant_view
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic
from tests.workflows.stating import Noting, Sending, sending


def worker(sends: Sending) -> Any:
    clinic = sends.clinic
    return make_worker(clinic.client, clinic.executor, clinic.pool, outside=sends.activities)


async def owing(sends: Sending, patient: str, **contact: str) -> InvoiceId:
    """An issued invoice that is due tomorrow."""
    account_id = await sends.open(patient, **contact)
    await sends.charge(account_id)
    return await sends.issue(account_id, due_days=1)


async def pay(sends: Sending, invoice_id: InvoiceId) -> None:
    (issued,) = [
        each for each in await sends.clinic.events(InvoiceIssued) if each.invoice_id == invoice_id
    ]
    await sends.clinic.execute(
        PostPayment(
            payment_id=PaymentId(derive("pay", invoice_id)),
            account_id=issued.account_id,
            amount=Money.of(issued.total.minor, "USD"),
            method=PaymentMethod.CASH,
            received_on=await sends.clinic.today(),
        )
    )


async def begun(sends: Sending) -> Any:
    """The workflow of the invoices' due date, once it waits for the first day."""
    await catch_up(sends.database)
    await sends.clinic.deliver()
    issued = await sends.clinic.events(InvoiceIssued)
    due_on = issued[0].due_on.isoformat()
    handle = sends.clinic.client.get_workflow_handle(
        workflow_ids.of_one("collection", sends.clinic.tenant, due_on)
    )

    async def waits() -> bool:
        return any(
            event.HasField("timer_started_event_attributes")
            for event in (await handle.fetch_history()).events
        )

    await until(waits)
    return handle


async def end(handle: Any, skipping: WorkflowEnvironment) -> None:
    """Let time pass until the workflow has ended."""

    async def ended() -> bool:
        await skipping.sleep(timedelta(days=8))
        return (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED

    await until(ended)


async def test_a_customer_is_reminded_by_the_schedule_and_then_it_goes_to_collections(
    idle_clinic: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    mail, sms = Noting(), Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail, Channel.SMS: sms})
    owed = await owing(sends, "p1", email="ana@example.org")
    paper = await owing(sends, "p2")
    async with worker(sends):
        handle = await begun(sends)
        await sends.moves("p1", email="ana@elsewhere.example")
        await end(handle, skipping)
    reminded = await idle_clinic.events(InvoiceReminded)
    days = [7, 21, 45]
    assert [each.day for each in reminded if each.invoice_id == owed] == days
    assert [each.day for each in reminded if each.invoice_id == paper] == days
    assert {each.channel.value for each in reminded if each.invoice_id == paper} == {"print"}
    sent = await idle_clinic.events(InvoiceSentToCollections)
    assert {(each.invoice_id, each.day) for each in sent} == {(owed, 60), (paper, 60)}
    assert [given.delivery_id for given in mail.given] == [f"{owed}-{day}" for day in days]
    assert all(given.link and given.attachment for given in mail.given)
    assert {given.to for given in mail.given} == {"ana@elsewhere.example"}
    assert "125.00" in mail.given[0].text
    size = (await handle.describe()).history_length
    assert size < 80


async def test_what_is_paid_or_void_is_not_reminded_of_and_the_collection_ends_early(
    idle_clinic: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    mail = Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    paid = await owing(sends, "p1", email="ana@example.org")
    late = await owing(sends, "p2", email="b@example.org")
    voided = await owing(sends, "p3", email="c@example.org")
    async with worker(sends):
        handle = await begun(sends)
        await pay(sends, paid)
        reason = Private(subject="p3", sealed="c2VhbGVk")
        await idle_clinic.execute(VoidInvoice(invoice_id=voided, reason=reason))
        await skipping.sleep(timedelta(days=9))

        async def one() -> bool:
            return await idle_clinic.count(InvoiceReminded) == 1

        await until(one)
        await pay(sends, late)
        await end(handle, skipping)
    assert [given.delivery_id for given in mail.given] == [f"{late}-7"]
    assert await idle_clinic.count(InvoiceSentToCollections) == 0
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_a_tenants_own_schedule_counts_and_the_next_way_is_tried(
    idle_clinic: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    mail = Noting(answers=[Undeliverable(code="REFUSED", message="no such user")])
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    await idle_clinic.admin.execute(
        "INSERT INTO collection_schedules VALUES ($1, '{3}', NULL)", idle_clinic.tenant
    )
    await owing(sends, "p1", email="gone@example.org")
    async with worker(sends):
        await end(await begun(sends), skipping)
    (reminded,) = await idle_clinic.events(InvoiceReminded)
    assert (reminded.day, reminded.channel.value) == (3, "print")
    assert await idle_clinic.count(InvoiceSentToCollections) == 0


async def test_invoices_of_one_due_date_share_a_workflow_however_often_they_are_delivered(
    idle_clinic: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    mail = Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    for number in range(3):
        await owing(sends, f"p{number}", email=f"p{number}@example.org")
    async with worker(sends):
        handle = await begun(sends)
        idle_clinic.forget_deliveries()
        await idle_clinic.deliver()
        await end(handle, skipping)
        idle_clinic.forget_deliveries()
        await idle_clinic.deliver()
        await end(handle, skipping)
    assert len(mail.given) == 9
    assert await idle_clinic.count(InvoiceSentToCollections) == 3


async def test_a_settled_invoice_is_neither_reminded_of_nor_handed_over(
    idle_clinic: ServedClinic, database: Database
) -> None:
    sends = await sending(idle_clinic, database, {})
    await catch_up(database)
    paid = await owing(sends, "p1")
    await pay(sends, paid)
    (issued,) = await idle_clinic.events(InvoiceIssued)
    named: dict[str, Any] = {"invoice_id": paid, "account_id": issued.account_id, "day": 7}
    commands = (
        RemindInvoice(**named, channel=DeliveryChannel.EMAIL, delivery_id="d"),
        SendToCollections(**named),
    )
    for command in commands:
        outcome = await idle_clinic.executor.execute(idle_clinic._envelope(command))
        assert isinstance(outcome, Refused)
        assert outcome.code == "STATE_CONFLICT"


async def test_a_schedule_that_is_changed_meanwhile_counts_from_its_next_day_on(
    idle_clinic: ServedClinic, database: Database
) -> None:
    mail = Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    await owing(sends, "p1", email="ana@example.org")
    await catch_up(database)
    (issued,) = await idle_clinic.events(InvoiceIssued)

    async def comes(day: int, reminder_days: tuple[int, ...], handover_day: int | None) -> None:
        """A day that was chosen by an earlier schedule."""
        async with tenant_view(idle_clinic.pool, idle_clinic.tenant) as connection:
            schedule = CollectionSchedule(reminder_days=reminder_days, handover_day=handover_day)
            await set_schedule(connection, schedule)
        work = CollectOn(tenant=idle_clinic.tenant, due_on=issued.due_on, day=day)
        await ActivityEnvironment().run(sends.collecting.collect, work)

    await comes(7, (10,), 60)
    await comes(60, (10,), None)
    assert mail.given == []
    await comes(45, (10,), 30)
    (sent,) = await idle_clinic.events(InvoiceSentToCollections)
    assert sent.day == 45
    assert mail.given == []
