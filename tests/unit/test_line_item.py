"""Line items of bills: what one comes to, and which bill a fee goes to."""

from datetime import timedelta
from fractions import Fraction

import pytest

from contracts.account import AccountOpened
from contracts.bill import BillActivated, BillCreated, BillLineItemAdded
from contracts.charge import QUANTITY_MAX
from domain.bill import BILL
from domain.rejections import BillMoved, CurrencyUnsupported, Invalid
from tests.fixtures import bill_commands as bills
from tests.fixtures.clinic_events import usd
from tests.fixtures.scenario import NOON, given
from tests.unit.test_bill import MONTHLY, after


@pytest.mark.parametrize(
    "amount", ["abc", "1_000", "1E3", "NaN", "", " 1", "1.", ".5", "+1", "\u0661", "1,5", "1\n"]
)
def test_an_amount_is_a_decimal_number_whoever_sent_it(amount: str) -> None:
    after(MONTHLY).when(bills.add(MONTHLY, amount=amount)).then_rejected(Invalid, "decimal")


def test_an_amount_is_kept_as_plain_digits() -> None:
    for amount, kept in (("007", "7"), ("00.50", "0.50"), ("10.50", "10.50")):
        (added,) = after(MONTHLY).when(bills.add(MONTHLY, amount=amount)).events
        assert isinstance(added, BillLineItemAdded)
        assert added.unit_amount == kept
    tiny = f"0.1{'0' * 30}1"
    after(MONTHLY).when(bills.add(MONTHLY, amount=tiny)).then_rejected(Invalid, "digits")


def test_what_was_sent_in_another_currency_is_kept_with_all_its_digits() -> None:
    made = bills.in_period()
    item = bills.add(made, amount="1234567.12345678", currency="GEL", quantity=QUANTITY_MAX)
    (added,) = after(bills.start_period(), made).when(item).events
    assert isinstance(added, BillLineItemAdded)
    assert added.converted_from is not None
    assert Fraction(added.converted_from.amount) == Fraction("1234567.12345678") * QUANTITY_MAX


def test_what_is_added_late_in_a_period_counts_more_and_is_converted_and_rounded_once() -> None:
    wanted = bills.in_period()
    scenario = after(bills.start_period(), wanted)
    scenario.book.recorded_at = NOON + timedelta(hours=24, seconds=1)
    (added,) = scenario.when(bills.add(wanted, amount="0.333", currency="GEL", quantity=3)).events
    assert isinstance(added, BillLineItemAdded)
    assert added.amount == usd(100)  # 0.333 x 3 x 0.4 x 2.5 = 0.999
    assert added.accrual_factor == "2.5"
    assert added.converted_from is not None
    assert (added.converted_from.amount, added.converted_from.rate) == ("0.999", "0.4")


def test_no_rate_is_a_refusal() -> None:
    after(MONTHLY).when(bills.add(MONTHLY, currency="JPY")).then_rejected(
        CurrencyUnsupported, "no rate"
    )


def test_a_fee_goes_to_the_bill_of_its_month_which_is_made_for_it() -> None:
    events = list(given(BILL).when(bills.fee()).events)
    assert [type(event) for event in events] == [
        AccountOpened,
        BillCreated,
        BillActivated,
        BillLineItemAdded,
    ]
    assert isinstance(events[-1], BillLineItemAdded)
    assert events[-1].belongs_to is None
    after(bills.fee()).when(bills.fee()).then_nothing()


def test_a_fee_for_another_account_than_its_bills_is_to_be_made_again() -> None:
    december = bills.monthly(month="2025-12", currency="GEL")
    after(december).when(bills.fee()).then_rejected(BillMoved, "meanwhile")
    (added,) = after(december, bills.close(december), MONTHLY).when(bills.fee()).events
    assert isinstance(added, BillLineItemAdded)
    assert added.bill_id == MONTHLY.bill_id


def test_a_fee_of_a_closed_month_goes_to_the_next_open_bill_with_a_link() -> None:
    december = bills.monthly(month="2025-12")
    scenario = after(december, bills.close(december), MONTHLY)
    (added,) = scenario.when(bills.fee()).events
    assert isinstance(added, BillLineItemAdded)
    assert (added.bill_id, added.belongs_to) == (MONTHLY.bill_id, "2025-12")
