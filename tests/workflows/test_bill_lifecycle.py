"""BillLifecycle and BillingPeriod on a server that skips time: a month in seconds."""

from datetime import UTC, datetime, timedelta

from contracts.bill import BillClosing, ClosedBy
from domain.bill import CloseBill
from domain.bill_states import Active, Closed, Pending
from domain.period import ClosePeriod, Over
from services.sagas import workflow_ids
from tests.workflows.billed import Billed


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
    await billed.ends(made)
    ledger = await billed.clinic.ledger()
    assert ledger["1100", made.account_id] == -ledger["4100", made.account_id] == 350
    history = await billed.workflow(made).fetch_history()
    assert len(history.events) < 100


async def test_a_month_stays_what_it_was_where_the_time_zone_moves(billed: Billed) -> None:
    made = await billed.make_monthly()
    number = int((made.month or "").replace("-", ""))
    await billed.looked_at(made, month_number=number)
    await billed.clinic.admin.execute(
        "INSERT INTO tenant_settings (tenant, time_zone) VALUES ($1, 'America/New_York')",
        billed.tenant,
    )
    await billed.add(made)
    await billed.looked_at(made, item_count=1, month_number=number)


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
    await billed.ends(made)
    runs = (await billed.workflow(made).describe()).raw_description.workflow_execution_info
    assert runs.first_run_id == runs.execution.run_id  # what it did itself begins no second life


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
    await billed.ends(made)


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
