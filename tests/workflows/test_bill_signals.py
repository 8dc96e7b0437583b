"""What is signalled to a bill's workflow: it becomes commands, however much comes at once."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from contracts.bill import BillLineItemAdded, ClosedBy
from domain.bill_states import Active, Closed
from services.sagas import bill_lifecycle
from services.sagas.bill_messages import CloseAsked, ItemAsked
from tests.workflows.billed import Billed


def item(key: str, amount: str = "1") -> ItemAsked:
    return ItemAsked(key=key, amount=amount, currency="USD")


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


async def test_an_item_that_is_none_is_dropped_and_keeps_no_other_waiting(billed: Billed) -> None:
    made = await billed.make()
    await billed.are(Active, made)
    handle = billed.workflow(made)
    for amount in ("abc", "1_000", "007", "-1", "NaN"):
        await handle.signal("add_line_item", item(amount, amount))
    await handle.signal("add_line_item", item("", "1"))
    await handle.signal("add_line_item", item("k", "1.25"))
    await handle.signal("close_bill", CloseAsked(reason="done"))
    await billed.are(Closed, made)
    (added,) = await billed.clinic.events(BillLineItemAdded)
    assert (added.idempotency_key, added.unit_amount) == ("k", "1.25")


@pytest.mark.parametrize("values", [[], [5], ["x"], [{}], [item("a"), item("b")]])
async def test_what_fits_no_handler_is_dropped_and_stops_nothing(
    billed: Billed, values: list[Any]
) -> None:
    made = await billed.make()
    await billed.are(Active, made)
    handle = billed.workflow(made)
    await handle.signal("add_line_item", args=values)
    await handle.signal("close_bill", args=[CloseAsked(), CloseAsked()])
    await handle.signal("totals_changed", args=[1])
    await handle.signal("add_line_item", item("k", "1.25"))
    await billed.looked_at(made, item_count=1)
    await handle.signal("close_bill")  # as somebody types it who has no reason to give
    await billed.are(Closed, made)
    (added,) = await billed.clinic.events(BillLineItemAdded)
    assert added.idempotency_key == "k"


async def test_what_is_signalled_under_the_key_of_an_item_is_not_added_once_more(
    billed: Billed,
) -> None:
    made = await billed.make()
    await billed.are(Active, made)
    handle = billed.workflow(made)
    await handle.signal("add_line_item", item("k", "1.25"))
    await handle.signal("add_line_item", item("k", "9.99"))
    await billed.looked_at(made, item_count=1)
    await handle.signal("add_line_item", item("k", "9.99"))
    await handle.signal("close_bill", CloseAsked(reason="done"))
    await billed.are(Closed, made)
    assert (await billed.clinic.state(made.bill_id)).total_minor == 125


async def test_a_flood_of_signals_is_few_activities_and_histories_of_bounded_length(
    billed: Billed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill_lifecycle, "EVENTS_PER_HISTORY_MAX", 100)
    monkeypatch.setattr(bill_lifecycle, "ITEMS_TOGETHER_MAX", 20)
    made = await billed.make()
    await billed.are(Active, made)
    await billed.waits(made)
    handle = billed.workflow(made)
    first = (await handle.describe()).run_id
    signals = [handle.signal("add_line_item", item(f"k{number}")) for number in range(120)]
    await asyncio.gather(*signals)
    await handle.signal("close_bill", CloseAsked(reason="all is said"))
    await billed.are(Closed, made)
    closed = await billed.clinic.state(made.bill_id)
    assert (closed.item_count, closed.closed_by) == (120, ClosedBy.REQUEST)
    await billed.ends(made)
    assert (await handle.describe()).run_id != first
    run = billed.clinic.client.get_workflow_handle(handle.id, run_id=first)
    begun = [event.event_type for event in (await run.fetch_history()).events]
    assert begun.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) < 40


async def test_many_items_are_few_looks(billed: Billed, monkeypatch: pytest.MonkeyPatch) -> None:
    together = timedelta(milliseconds=500)
    monkeypatch.setattr(bill_lifecycle, "TOGETHER", together)
    made = await billed.make()
    await billed.are(Active, made)
    await billed.waits(made)
    begun = len(await billed.history(made))
    for number in range(40):
        await billed.add(made, f"li-{number}", "1.00")
        await billed.clinic.deliver()
    await billed.looked_at(made, item_count=40)
    looks = [
        event.event_time.ToDatetime()
        for event in (await billed.history(made))[begun:]
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert looks
    assert all(later - look >= together for look, later in pairwise(looks))
