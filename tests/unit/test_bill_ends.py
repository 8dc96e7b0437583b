"""What the end of a bill means to those who come late: more items, a fee, a worker that lost."""

from datetime import UTC, datetime, timedelta

from contracts.bill import BillAttentionRequired, BillClosed, BillLineItemAdded
from domain.rejections import BillNotOpen
from tests.fixtures import bill_commands as bills
from tests.fixtures.scenario import NOON
from tests.unit.test_bill import DATED, MONTHLY, after, charged


def test_only_what_is_where_it_was_judged_needs_attention() -> None:
    scenario, _ = charged()
    scenario.when(bills.give_up(MONTHLY)).then_nothing()
    scenario.when(bills.give_up(MONTHLY, attempt=2)).then_nothing()
    (attention,) = scenario.when(bills.give_up(MONTHLY, attempt=1)).events
    assert isinstance(attention, BillAttentionRequired)
    after(MONTHLY).when(bills.give_up(MONTHLY, attempt=1)).then_nothing()
    closed = after(MONTHLY, bills.close(MONTHLY))
    closed.when(bills.give_up(MONTHLY)).then_nothing()


def test_nothing_is_added_behind_the_end_however_late_it_is_that_the_bill_closes() -> None:
    scenario = after(DATED, bills.add(DATED))
    scenario.book.recorded_at = NOON + timedelta(days=30)
    refused = scenario.when(bills.add(DATED, "late"))
    refused.then_rejected(BillNotOpen, "ended at")
    kinds = [type(event) for event in scenario.when(bills.close(DATED)).events]
    assert kinds[-1] is BillClosed


def test_a_fee_of_a_month_that_is_over_goes_to_the_next_bill_though_nobody_has_closed_it() -> None:
    made = bills.monthly()
    scenario = after(bills.fee(), made, at=datetime(2025, 12, 31, tzinfo=UTC))
    scenario.book.recorded_at = NOON
    (*_, added) = scenario.when(bills.fee(key="late")).events
    assert isinstance(added, BillLineItemAdded)
    assert (added.bill_id, added.belongs_to) == (made.bill_id, "2025-12")
