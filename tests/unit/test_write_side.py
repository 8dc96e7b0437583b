"""What events do to the write-side state."""

from contracts.charge import ChargeCaptured
from contracts.ids import InvoiceId
from contracts.payment import Allocation
from domain.invoice import INVOICE
from domain.write_side import ItemKind, claims_of, counter_of, invoice_number, prices_of
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    captured,
    drafted,
    issued,
    opened,
    owed,
    paid,
    posted,
    price,
    published,
    usd,
)
from tests.fixtures.scenario import given


def test_an_accounts_version_counts_its_events() -> None:
    charge = captured()
    history = (opened(), charge, drafted(charge), issued(charge), posted(100), paid("pay_1"))
    for count in range(1, len(history) + 1):
        assert given(INVOICE, *history[:count]).book.account(ACCOUNT_ID).version == count


def test_events_of_no_account_touch_none() -> None:
    assert given(INVOICE, published(price())).book.accounts == {}


def test_an_event_before_its_account_is_no_account() -> None:
    assert given(INVOICE, captured()).book.accounts == {}


def test_balances_follow_from_the_postings() -> None:
    allocation = Allocation(invoice_id=INVOICE_ID, amount=usd(6_000))
    head = given(INVOICE, opened(), *owed(1, 10_000), posted(9_000, allocation)).book.account(
        ACCOUNT_ID
    )
    assert (head.receivable_minor, head.credit_minor) == (4_000, 3_000)


def test_a_charge_is_open_until_it_is_on_a_draft() -> None:
    charge = captured(minor=10_000, tax_minor=725)
    scenario = given(INVOICE, opened(), charge)
    (item,) = scenario.book.items(ACCOUNT_ID, ItemKind.CHARGE)
    assert (item.item_id, item.outstanding_minor, item.due_on) == ("chg_1", 10_725, None)
    assert scenario.happened(drafted(charge)).book.open_items[ACCOUNT_ID] == {}


def test_an_invoice_is_open_until_nothing_is_outstanding() -> None:
    scenario = given(INVOICE, opened(), *owed(1, 10_000))
    for left in (7_000, 4_000, 1_000):
        part = Allocation(invoice_id=INVOICE_ID, amount=usd(3_000))
        scenario.happened(posted(3_000, part))
        item = scenario.book.item(ACCOUNT_ID, ItemKind.INVOICE, INVOICE_ID)
        assert item is not None
        assert (item.outstanding_minor, item.number) == (left, "north-2026-000001")
    rest = Allocation(invoice_id=INVOICE_ID, amount=usd(1_000))
    assert scenario.happened(posted(1_000, rest)).book.open_items[ACCOUNT_ID] == {}


def test_a_payment_of_a_settled_invoice_opens_nothing() -> None:
    stray = Allocation(invoice_id=InvoiceId("inv_9"), amount=usd(1))
    assert given(INVOICE, opened(), posted(1, stray)).book.open_items[ACCOUNT_ID] == {}


def test_what_is_unique_is_claimed() -> None:
    charge = captured()
    assert list(claims_of(opened())) == [("account", "USD/p1", "acc_1")]
    assert list(claims_of(issued(charge))) == [("invoice_number", "north-2026-000001", "inv_1")]
    assert list(claims_of(charge)) == []


def test_issuing_draws_from_the_counter_of_facility_and_year() -> None:
    assert counter_of(issued(captured())) == "invoice/north/2026"
    assert counter_of(captured()) is None


def test_a_number_has_six_digits_until_it_needs_more() -> None:
    assert invoice_number("north", 2026, 1) == "north-2026-000001"
    assert invoice_number("north", 2026, 1_234_567) == "north-2026-1234567"


def test_a_price_list_publishes_its_prices() -> None:
    assert prices_of(published(price())) == (price(),)
    charge = captured()
    assert isinstance(charge, ChargeCaptured)
    assert prices_of(charge) == ()
