"""BillLifecycle and BillingPeriod on a server that skips time: a month in seconds."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from contracts.bill import BillClosed, BillClosing, BillLineItemAdded, ClosedBy
from domain.bill import CloseBill, RetryBill
from domain.bill_states import Active, AttentionRequired, Closed, Pending
from domain.payment_method import RemovePaymentMethod
from domain.period import ClosePeriod, Over
from services.adapters.sandbox_gateway import DECLINED, SandboxGateway
from services.execute.executor import Executor
from services.sagas import bill_lifecycle, workflow_ids
from services.sagas.bill_messages import CloseAsked, ItemAsked
from services.sagas.search_attributes import ensure_search_attributes
from services.sagas.worker import make_bills_worker, make_gateway_worker, make_worker
from tests.fixtures.databases import Database
from tests.workflows.billed import Billed, SkippedClock
from tests.workflows.clinic import Clinic, new_tenant, serve
from tests.workflows.stating import sending
from tests.workflows.till import Till


@pytest.fixture
async def billed(skipping: WorkflowEnvironment, database: Database) -> AsyncIterator[Billed]:
    """A tenant whose bills have a worker, and a gateway."""
    await ensure_search_attributes(skipping.client)
    pool, clock = await database.pool("daybook_writer", 10), SkippedClock()
    async with Executor(pool, now=clock.now) as executor:
        clinic = serve(
            Clinic(new_tenant(), executor, pool, await database.admin()), skipping.client
        )
        sends = await sending(clinic, database, {})
        async with (
            make_worker(clinic.client, executor, pool, outside=sends.activities),
            make_gateway_worker(clinic.client, executor, pool, SandboxGateway(pool)),
            make_bills_worker(clinic.client, executor, pool),
        ):
            yield Billed(clinic, clock, skipping)


async def is_over(billed: Billed, made: Any) -> bool:
    described = await billed.workflow(made).describe()
    return described.status is WorkflowExecutionStatus.COMPLETED


async def test_a_monthly_bill_lives_through_its_month_and_closes_by_itself(billed: Billed) -> None:
    made = await billed.make_monthly(coming=True)
    pending = await billed.clinic.state(made.bill_id)
    await billed.looked_at(made, status="pending")
    await billed.skip_to(pending.starts_at + timedelta(days=15))
    await billed.are(Active, made)
    await billed.add(made)
    await billed.add(made, "li-2", "1.00")
    await billed.looked_at(made, status="active", item_count=2, total_minor=350)
    await billed.skip_to(pending.ends_at)
    await billed.are(Closed, made)
    (closing,) = await billed.clinic.events(BillClosing)
    assert (closing.closed_by, closing.total.minor) == (ClosedBy.END, 350)
    await billed.clinic.settle(lambda: is_over(billed, made))
    ledger = await billed.clinic.ledger()
    assert ledger["1100", made.account_id] == -ledger["4100", made.account_id] == 350
    history = await billed.workflow(made).fetch_history()
    assert len(history.events) < 100


async def test_a_bill_becomes_active_at_its_start_and_closes_at_its_end(billed: Billed) -> None:
    now = datetime.now(UTC)
    made = await billed.make(starts_at=now + timedelta(days=10), ends_at=now + timedelta(days=20))
    await billed.looked_at(made, status="pending")
    await billed.skip(days=9)
    assert isinstance(await billed.clinic.state(made.bill_id), Pending)
    await billed.skip(days=1, minutes=1)
    await billed.are(Active, made)
    await billed.skip(days=10, minutes=1)
    await billed.are(Closed, made)


async def test_a_bill_whose_start_is_now_is_active_at_once(billed: Billed) -> None:
    made = await billed.make()
    await billed.are(Active, made)


async def test_a_bill_without_an_end_stays_open_until_it_is_closed(billed: Billed) -> None:
    made = await billed.make()
    await billed.are(Active, made)
    await billed.skip(days=400)
    assert isinstance(await billed.clinic.state(made.bill_id), Active)
    close = CloseBill(bill_id=made.bill_id, account_id=made.account_id, closed_by=ClosedBy.REQUEST)
    await billed.clinic.execute(close)
    await billed.clinic.settle(lambda: is_over(billed, made))


async def test_items_and_a_close_that_are_signalled_become_commands(billed: Billed) -> None:
    made = await billed.make()
    await billed.are(Active, made)
    handle = billed.workflow(made)
    item = ItemAsked(key="k", amount="1.25", currency="USD", description="by signal")
    for _ in range(2):
        await handle.signal("add_line_item", item)
    await handle.signal("add_line_item", ItemAsked(key="l", amount="1", currency="XXX"))
    await handle.signal("close_bill", CloseAsked(reason="done"))
    await billed.are(Closed, made)
    (added,) = await billed.clinic.events(BillLineItemAdded)
    assert (added.idempotency_key, added.amount.minor) == ("k", 125)
    closed = await billed.clinic.state(made.bill_id)
    assert (closed.closed_by, closed.reason is None) == (ClosedBy.REQUEST, False)


async def test_a_period_closes_its_open_bills_at_its_end(billed: Billed) -> None:
    period_id = await billed.start_period(days=30)
    first, second = await billed.make_in_period("one"), await billed.make_in_period("two")
    await billed.add(first)
    await billed.looked_at(first, item_count=1)
    await billed.skip(days=30, minutes=1)
    await billed.are(Closed, first, second)
    assert isinstance(await billed.clinic.state(period_id.partition("-")[0]), Over)


async def test_a_period_that_is_closed_by_hand_takes_its_bills_along(billed: Billed) -> None:
    period_id = await billed.start_period()
    made = await billed.make_in_period("one")
    await billed.looked_at(made, status="active")
    stream_id, _, _ = period_id.partition("-")
    close = ClosePeriod(stream_id=stream_id, closed_by=ClosedBy.REQUEST)  # type: ignore[arg-type]  # a part of it
    await billed.clinic.execute(close)
    await billed.are(Closed, made)
    own = workflow_ids.of_one("period", billed.tenant, period_id)
    handle = billed.clinic.client.get_workflow_handle(own)
    await handle.result()
    assert (await billed.clinic.events(BillClosing))[0].closed_by is ClosedBy.PERIOD


async def test_a_saved_card_is_charged_before_the_bill_is_closed(billed: Billed) -> None:
    made = await billed.make_monthly()
    till = Till(billed.clinic, made.account_id)
    await till.save()
    await billed.add(made)
    await billed.clinic.execute(
        CloseBill(bill_id=made.bill_id, account_id=made.account_id, closed_by=ClosedBy.REQUEST)
    )
    await billed.are(Closed, made)
    ledger = await billed.clinic.ledger()
    assert (ledger["1020", made.account_id], ledger["1100", made.account_id]) == (250, 0)


async def test_a_declined_card_needs_attention_and_a_retry_finishes_the_bill(
    billed: Billed,
) -> None:
    made = await billed.make_monthly()
    till = Till(billed.clinic, made.account_id)
    method_id = await till.save(DECLINED)
    await billed.add(made)
    await billed.skip(days=32)
    await billed.are(AttentionRequired, made)
    await billed.looked_at(made, status="attention_required")
    await billed.clinic.execute(
        RemovePaymentMethod(payment_method_id=method_id, account_id=made.account_id)
    )
    await billed.clinic.execute(RetryBill(bill_id=made.bill_id, account_id=made.account_id))
    await billed.are(Closed, made)
    await billed.clinic.settle(lambda: is_over(billed, made))
    assert await billed.clinic.count(BillClosed) == 1


async def test_bills_that_ended_while_temporal_was_away_close_when_it_is_back(
    billed: Billed,
) -> None:
    now = datetime.now(UTC)
    made = [
        await billed.make(f"b{number}", ends_at=now + timedelta(minutes=number + 1))
        for number in range(3)
    ]
    await billed.add(made[0])
    # Nothing is delivered for an hour: the relay keeps what Temporal does not take.
    await billed.skip(hours=1)
    await billed.are(Closed, *made)
    assert (await billed.clinic.state(made[0].bill_id)).total_minor == 250


async def test_many_items_are_few_looks_and_a_history_that_goes_on(
    billed: Billed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill_lifecycle, "EVENTS_PER_HISTORY_MAX", 60)
    made = await billed.make()
    await billed.are(Active, made)
    first = (await billed.workflow(made).describe()).run_id
    for number in range(40):
        await billed.add(made, f"li-{number}", "1.00")
        await billed.clinic.deliver()
    await billed.looked_at(made, item_count=40)
    assert (await billed.workflow(made).describe()).run_id != first
    handle = billed.workflow(made)
    history = await billed.clinic.client.get_workflow_handle(
        handle.id, run_id=first
    ).fetch_history()
    looks = [
        event
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert len(looks) < 40
