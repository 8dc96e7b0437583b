"""Bills whose customer has a saved card: charged before they close, once, whoever closes them."""

from temporalio.testing import ActivityEnvironment

from contracts.bill import BillAttentionRequired, BillClosed, BillClosing, ClosedBy
from contracts.catalogue import wire_type
from contracts.money import Money
from contracts.payment import Allocation, PaymentInitiated, PaymentMethod
from domain import naming
from domain.bill import CloseBill, RetryBill
from domain.bill_making import CreateBill
from domain.bill_states import AttentionRequired, Closed, Closing
from domain.payment import PostPayment
from domain.payment_method import RemovePaymentMethod
from services.adapters.sandbox_gateway import DECLINED
from services.sagas.bill_messages import CloseAsked, CloseBillWork, ItemAsked
from services.sagas.billing import Billing
from services.sagas.table import WAKE
from tests.workflows.billed import Billed
from tests.workflows.till import Till


def close(made: CreateBill) -> CloseBill:
    return CloseBill(bill_id=made.bill_id, account_id=made.account_id, closed_by=ClosedBy.REQUEST)


async def declined(billed: Billed) -> CreateBill:
    """A bill that needs attention, since its customer's card was declined."""
    made = await billed.make_monthly()
    await Till(billed.clinic, made.account_id).save(DECLINED)
    await billed.add(made)
    await billed.clinic.execute(close(made))
    await billed.are(AttentionRequired, made)
    await billed.looked_at(made, status="attention_required")
    return made


async def test_a_saved_card_is_charged_before_the_bill_is_closed(billed: Billed) -> None:
    made = await billed.make_monthly()
    await Till(billed.clinic, made.account_id).save()
    await billed.add(made)
    await billed.clinic.execute(close(made))
    await billed.are(Closed, made)
    ledger = await billed.clinic.ledger()
    assert (ledger["1020", made.account_id], ledger["1100", made.account_id]) == (250, 0)


async def test_a_close_with_a_saved_card_waits_for_the_charge_and_for_no_timer(
    billed: Billed,
) -> None:
    made = await billed.make()
    await Till(billed.clinic, made.account_id).save()
    await billed.add(made)
    await billed.looked_at(made, item_count=1)
    await billed.waits(made)
    await billed.clinic.execute(close(made))
    await billed.ends(made)
    history = (await billed.workflow(made).fetch_history()).events
    woken = [
        event.HasField("workflow_execution_signaled_event_attributes")
        and event.workflow_execution_signaled_event_attributes.signal_name == WAKE
        for event in history
    ]
    assert sum(woken) == 2  # it closes, its payment is posted
    behind = history[woken.index(True) :]
    assert not any(event.HasField("timer_started_event_attributes") for event in behind)


async def test_every_bill_of_a_period_is_charged_at_its_end_and_closed(billed: Billed) -> None:
    await billed.start_period(days=30)
    made = [await billed.make_in_period(f"b{number}") for number in range(4)]
    await Till(billed.clinic, made[0].account_id).save()
    for each in made:
        await billed.add(each)
        await billed.looked_at(each, status="active")
    # The period and each bill in it end at the same instant: all but one of them come too late.
    await billed.skip(days=30, minutes=1)
    await billed.are(Closed, *made)
    assert await billed.clinic.count(BillAttentionRequired) == 0
    assert (
        await billed.clinic.count(BillClosing) == await billed.clinic.count(PaymentInitiated) == 4
    )
    ledger = await billed.clinic.ledger()
    account_id = made[0].account_id
    assert (ledger["1020", account_id], ledger["1100", account_id]) == (1_000, 0)


async def test_a_close_that_comes_while_the_card_is_charged_needs_nobodys_attention(
    billed: Billed,
) -> None:
    clinic, made = billed.clinic, await billed.make_monthly()
    await Till(clinic, made.account_id).save()
    await billed.add(made)
    await clinic.execute(close(made))
    events = await clinic.new_events()
    begun = [event for event in events if event.type == wire_type(PaymentInitiated)]
    await clinic.consumer.take([event for event in events if event not in begun])
    await billed.looked_at(made, status="closing")
    await billed.workflow(made).signal("close_bill", CloseAsked(reason="again"))
    await billed.waits(made)
    ending = CloseBillWork(tenant=billed.tenant, bill_id=made.bill_id, closed_by=ClosedBy.END)
    await ActivityEnvironment().run(Billing(clinic.executor, clinic.pool).close, ending)
    assert isinstance(await clinic.state(made.bill_id), Closing)
    await clinic.consumer.take(begun)
    await billed.are(Closed, made)
    assert await clinic.count(BillAttentionRequired) == 0


async def test_a_declined_card_needs_attention_and_a_retry_finishes_the_bill(
    billed: Billed,
) -> None:
    made = await billed.make_monthly()
    method_id = await Till(billed.clinic, made.account_id).save(DECLINED)
    await billed.add(made)
    await billed.skip(days=32)
    await billed.are(AttentionRequired, made)
    await billed.looked_at(made, status="attention_required")
    await billed.clinic.execute(
        RemovePaymentMethod(payment_method_id=method_id, account_id=made.account_id)
    )
    await billed.clinic.execute(RetryBill(bill_id=made.bill_id, account_id=made.account_id))
    await billed.are(Closed, made)
    await billed.ends(made)
    assert await billed.clinic.count(BillClosed) == 1


async def test_what_is_paid_by_other_means_needs_attention_no_more(billed: Billed) -> None:
    made = await declined(billed)
    owed = Money.of(250, "USD")
    invoice_id = naming.bill_invoice_id(made.bill_id)
    await billed.clinic.execute(
        PostPayment(
            payment_id=Till(billed.clinic, made.account_id).payment_id("bank"),
            account_id=made.account_id,
            amount=owed,
            method=PaymentMethod.BANK,
            allocations=(Allocation(invoice_id=invoice_id, amount=owed),),
        )
    )
    await billed.are(Closed, made)
    await billed.ends(made)
    assert await billed.clinic.count(PaymentInitiated) == 1  # no card is charged any more
    waiting = await billed.clinic.admin.fetchval(
        "SELECT count(*) FROM saga_waits WHERE tenant = $1", billed.tenant
    )
    assert waiting == 0


async def test_signals_to_a_bill_that_needs_attention_are_read_once_and_forgotten(
    billed: Billed,
) -> None:
    made = await declined(billed)
    await billed.waits(made)
    before = await billed.activities(made)
    handle = billed.workflow(made)
    await handle.signal("close_bill", CloseAsked(reason="again"))
    await billed.waits(made)
    assert (await billed.activities(made))[len(before) :] == ["look_at_bill"]
    await handle.signal("add_line_item", ItemAsked(key="late", amount="1", currency="USD"))
    await billed.waits(made)
    assert (await billed.activities(made))[len(before) + 1 :] == ["add_line_items", "look_at_bill"]
    assert (await billed.clinic.state(made.bill_id)).item_count == 1
