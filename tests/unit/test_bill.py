"""Bills: made, added to while they are open, closed once; what each step says and refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from contracts.account import AccountOpened, AccountSuspended
from contracts.bill import (
    BillActivated,
    BillAttentionRequired,
    BillClosed,
    BillClosing,
    BillCreated,
    BillLineItemAdded,
    ClosedBy,
)
from contracts.event import Event
from contracts.ids import PaymentMethodId
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from contracts.ledger import GlAccount
from contracts.payment import PaymentFailed, PaymentInitiated, PaymentMethod, PaymentPosted
from contracts.payment_method import PaymentMethodSaved
from domain import ledger
from domain.bill import BILL, ActivateBill
from domain.bill_states import Active, AttentionRequired, Closed, Closing, Pending
from domain.book import Calendar
from domain.decider import Decider
from domain.invoice import INVOICE, VoidInvoice
from domain.payment import PAYMENT
from domain.payment_method import PAYMENT_METHOD
from domain.period import PERIOD
from domain.rejections import (
    AccountSuspended as IsSuspended,
)
from domain.rejections import (
    AlreadyExists,
    BillNotOpen,
    CurrencyUnsupported,
    Invalid,
    InvoiceOfBill,
    NotFound,
    PaymentPending,
)
from services.commands import decider_of
from tests.fixtures import bill_commands as bills
from tests.fixtures.clinic_events import sealed, usd
from tests.fixtures.scenario import NOON, Scenario, given

MONTHLY = bills.monthly()
DATED = bills.dated(ends_at=NOON + timedelta(days=30), idempotency_key="k")


def after(*commands: Any, at: datetime = NOON, scenario: Scenario | None = None) -> Scenario:
    """A ledger in which these commands were executed."""
    scenario = scenario or given(BILL, at=at)
    for command in commands:
        decider = PERIOD if "Period" in type(command).__name__ else BILL
        for stream_id, event in decider.decide(command, scenario.book):
            take(scenario, stream_id, event)
    return scenario


def take(scenario: Scenario, stream_id: str, event: Event) -> None:

    state = decider_of(stream_id).evolve(scenario.book.states.get(stream_id), event)
    scenario.book.take(stream_id, event, state)


def take_all(scenario: Scenario, decider: Decider, command: Any) -> None:
    for stream_id, event in decider.decide(command, scenario.book):
        take(scenario, stream_id, event)


def state_of(scenario: Scenario, made: Any) -> Any:
    return scenario.book.states[made.bill_id]


def with_card(scenario: Scenario, made: Any) -> Scenario:
    """The customer has saved a card."""
    method_id = PaymentMethodId("pmt_1")
    saved = PaymentMethodSaved(
        payment_method_id=method_id,
        account_id=made.account_id,
        reference=sealed(),
        brand="visa",
        last4=sealed(),
        expires="2031-04",
    )
    take(scenario, method_id, saved)
    return scenario


def test_the_first_bill_of_a_customer_opens_an_account_and_is_active_when_its_month_has_begun() -> (
    None
):
    opened, created, activated = given(BILL).when(MONTHLY).events
    assert isinstance(opened, AccountOpened)
    assert (opened.patient_id, opened.currency) == ("cust-1", "USD")
    assert isinstance(created, BillCreated)
    assert created.starts_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert created.ends_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert isinstance(activated, BillActivated)


def test_a_month_is_local_to_the_tenant() -> None:
    scenario = given(BILL, calendar=Calendar(default_zone="Asia/Tbilisi"))
    _, created, _ = scenario.when(MONTHLY).events
    assert isinstance(created, BillCreated)
    assert created.starts_at == datetime(2025, 12, 31, 20, tzinfo=UTC)
    assert created.ends_at == datetime(2026, 1, 31, 20, tzinfo=UTC)


def test_a_bill_whose_month_is_over_has_no_end() -> None:
    _, created, activated = given(BILL).when(bills.monthly(month="2025-09")).events
    assert isinstance(created, BillCreated)
    assert created.ends_at is None
    assert isinstance(activated, BillActivated)


def test_a_second_bill_of_a_customer_is_on_the_same_account() -> None:
    (created,) = after(MONTHLY).when(bills.monthly(month="2026-03")).events
    assert isinstance(created, BillCreated)


def test_a_bill_of_a_month_is_made_once() -> None:
    after(MONTHLY).when(MONTHLY).then_rejected(AlreadyExists)
    asked = bills.monthly(idempotency_key="k")
    after(asked).when(asked).then_nothing()
    after(asked).when(bills.monthly(currency="GEL", idempotency_key="k")).then_rejected(
        AlreadyExists
    )


def test_a_currency_that_nobody_knows_is_refused() -> None:
    given(BILL).when(bills.monthly(currency="LEK")).then_rejected(CurrencyUnsupported)


def test_a_dated_bill_is_pending_until_its_start_has_come() -> None:
    scenario = after(DATED)
    assert isinstance(state_of(scenario, DATED), Pending)
    activate = ActivateBill(bill_id=DATED.bill_id, account_id=DATED.account_id)
    (activated,) = scenario.when(activate).events
    assert isinstance(activated, BillActivated)


def test_a_dated_bill_takes_an_item_from_its_start_on_whoever_says_so_first() -> None:
    activated, added = after(DATED).when(bills.add(DATED)).events
    assert isinstance(activated, BillActivated)
    assert isinstance(added, BillLineItemAdded)


def test_a_pending_bill_refuses_items_and_may_be_closed() -> None:
    later = bills.dated(starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=2))
    scenario = after(later)
    scenario.when(bills.add(later)).then_rejected(BillNotOpen, "pending")
    activate = ActivateBill(bill_id=later.bill_id, account_id=later.account_id)
    scenario.when(activate).then_rejected(BillNotOpen)
    closing, closed = scenario.when(bills.close(later)).events
    assert isinstance(closing, BillClosing)
    assert isinstance(closed, BillClosed)


def test_a_coming_month_is_open_to_its_clients() -> None:
    coming = bills.monthly(month="2026-03")
    scenario = after(coming)
    assert isinstance(state_of(scenario, coming), Pending)
    (added,) = scenario.when(bills.add(coming)).events
    assert isinstance(added, BillLineItemAdded)


def test_a_start_in_the_past_and_an_end_before_the_start_are_refused() -> None:
    soon = NOON + timedelta(days=1)
    for refused in (
        bills.dated(starts_at=NOON - timedelta(minutes=1), ends_at=soon),
        bills.dated(starts_at=soon, ends_at=soon),
        bills.dated(ends_at=NOON),
    ):
        given(BILL).when(refused).then_rejected(Invalid)


def test_items_add_up_and_the_same_one_again_is_a_repeat() -> None:
    scenario = after(MONTHLY, bills.add(MONTHLY), bills.add(MONTHLY, "li-2", "0.25"))
    bill = state_of(scenario, MONTHLY)
    assert (bill.item_count, bill.total_minor) == (2, 275)
    scenario.when(bills.add(MONTHLY, "li-2", "0.25")).then_nothing()


def test_a_suspended_account_takes_no_items() -> None:
    scenario = after(MONTHLY)
    suspended = AccountSuspended(account_id=MONTHLY.account_id, reason=sealed())
    take(scenario, MONTHLY.account_id, suspended)
    scenario.when(bills.add(MONTHLY)).then_rejected(IsSuspended)


def test_closing_freezes_the_lines_issues_the_invoice_and_books_the_total() -> None:
    scenario = after(MONTHLY, bills.add(MONTHLY), bills.add(MONTHLY, "li-2"))
    closing, drafted, issued, closed = scenario.when(bills.close(MONTHLY, reason=sealed())).events
    assert isinstance(closing, BillClosing)
    assert (closing.item_count, closing.total, closing.reason) == (2, usd(500), sealed())
    assert isinstance(drafted, InvoiceDrafted)
    assert isinstance(issued, InvoiceIssued)
    assert (issued.total, issued.postings, issued.number) == (usd(500), (), "bills-2026-000001")
    assert isinstance(closed, BillClosed)
    assert {posting.gl_account: posting.amount_minor for posting in closed.postings} == {
        GlAccount.RECEIVABLE: 500,
        GlAccount.FEE_REVENUE: -500,
    }
    assert closed.lines_digest == closing.lines_digest
    assert closed.invoice_id == issued.invoice_id


def test_a_closed_bill_is_final() -> None:
    closed = after(MONTHLY, bills.add(MONTHLY), bills.close(MONTHLY))
    assert isinstance(state_of(closed, MONTHLY), Closed)
    for command in (
        bills.add(MONTHLY, "li-2"),
        bills.close(MONTHLY),
        bills.retry(MONTHLY),
    ):
        closed.when(command).then_rejected(BillNotOpen)
    reason = after(MONTHLY, bills.close(MONTHLY, reason=sealed()))
    reason.when(bills.close(MONTHLY, reason=sealed())).then_nothing()
    void = VoidInvoice(
        invoice_id=state_of(closed, MONTHLY).invoice_id,
        account_id=MONTHLY.account_id,
        reason=sealed(),
    )
    Scenario(INVOICE, closed.book).when(void).then_rejected(InvoiceOfBill)


def test_a_bill_of_nothing_has_no_invoice_and_books_nothing() -> None:
    closing, closed = after(MONTHLY).when(bills.close(MONTHLY)).events
    assert isinstance(closing, BillClosing)
    assert isinstance(closed, BillClosed)
    assert (closing.invoice_id, closed.postings) == (None, ())


def charged(reference: str = "ch_1") -> tuple[Scenario, PaymentInitiated]:
    """A bill that closes once its card is charged."""
    scenario = with_card(after(MONTHLY, bills.add(MONTHLY)), MONTHLY)
    events = list(scenario.when(bills.close(MONTHLY)).events)
    after(bills.close(MONTHLY), scenario=scenario)
    initiated = events[-1]
    assert isinstance(initiated, PaymentInitiated)
    return scenario, initiated


def test_a_bill_with_a_saved_card_is_closed_once_that_is_charged() -> None:
    scenario, initiated = charged()
    assert (initiated.amount, initiated.payment_method_id) == (usd(250), "pmt_1")
    assert isinstance(state_of(scenario, MONTHLY), Closing)
    scenario.when(bills.finish(MONTHLY)).then_rejected(PaymentPending)
    assert initiated.allocations is not None
    posted = PaymentPosted(
        payment_id=initiated.payment_id,
        account_id=MONTHLY.account_id,
        facility="bills",
        currency="USD",
        effective_on=NOON.date(),
        booked_on=NOON.date(),
        method=PaymentMethod.CARD,
        amount=initiated.amount,
        allocations=initiated.allocations,
        credited=usd(0),
        postings=ledger.payment(GlAccount.CARD_CLEARING, 250, 0),
    )
    take(scenario, initiated.payment_id, posted)
    (closed,) = scenario.when(bills.finish(MONTHLY)).events
    assert isinstance(closed, BillClosed)
    after(bills.finish(MONTHLY), scenario=scenario)
    scenario.when(bills.finish(MONTHLY)).then_nothing()
    assert scenario.book.accounts[MONTHLY.account_id].receivable_minor == 0


def test_what_is_charged_is_booked_with_its_invoice_and_not_again_once_it_is_closed() -> None:
    scenario = with_card(after(MONTHLY, bills.add(MONTHLY)), MONTHLY)
    closing, _, issued, _ = scenario.when(bills.close(MONTHLY)).events
    assert isinstance(closing, BillClosing)
    assert closing.postings == ledger.fees(250)
    assert isinstance(issued, InvoiceIssued)
    assert (closing.invoice_id, closing.booked_on) == (issued.invoice_id, issued.booked_on)
    after(bills.close(MONTHLY), scenario=scenario)
    assert scenario.book.accounts[MONTHLY.account_id].receivable_minor == 250
    take_all(scenario, PAYMENT, bills.decline(MONTHLY))
    after(bills.finish(MONTHLY), scenario=scenario)
    retried, _ = scenario.when(bills.retry(MONTHLY)).events
    assert isinstance(retried, BillClosing)
    assert retried.postings == ()
    after(bills.retry(MONTHLY), scenario=scenario)
    scenario.when(bills.retry(MONTHLY)).then_nothing()
    take_all(scenario, PAYMENT, bills.pay(MONTHLY, 2))
    (closed,) = scenario.when(bills.finish(MONTHLY, 2)).events
    assert isinstance(closed, BillClosed)
    assert closed.postings == ()
    after(bills.finish(MONTHLY, 2), scenario=scenario)
    scenario.when(bills.retry(MONTHLY)).then_rejected(BillNotOpen)
    assert scenario.book.accounts[MONTHLY.account_id].receivable_minor == 0


def test_a_card_that_has_expired_is_not_charged() -> None:
    for expires, last in (("2025-12", BillClosed), (f"{NOON:%Y-%m}", PaymentInitiated)):
        scenario = after(MONTHLY, bills.add(MONTHLY))
        take_all(scenario, PAYMENT_METHOD, bills.save_card(MONTHLY, expires))
        assert isinstance(scenario.when(bills.close(MONTHLY)).events[-1], last)


def test_a_declined_card_needs_attention_and_a_retry_asks_again() -> None:
    scenario, initiated = charged()
    failed = PaymentFailed(
        payment_id=initiated.payment_id,
        account_id=MONTHLY.account_id,
        amount=initiated.amount,
        code="card_declined",
    )
    take(scenario, initiated.payment_id, failed)
    (attention,) = scenario.when(bills.finish(MONTHLY)).events
    assert isinstance(attention, BillAttentionRequired)
    assert attention.code == "card_declined"
    after(bills.finish(MONTHLY), scenario=scenario)
    assert isinstance(state_of(scenario, MONTHLY), AttentionRequired)
    scenario.when(bills.close(MONTHLY)).then_rejected(BillNotOpen)
    closing, again = scenario.when(bills.retry(MONTHLY)).events
    assert isinstance(closing, BillClosing)
    assert (closing.attempt, closing.closed_by) == (2, ClosedBy.RETRY)
    assert isinstance(again, PaymentInitiated)
    assert again.payment_id != initiated.payment_id


def test_what_could_not_be_closed_needs_attention_and_is_issued_by_the_retry() -> None:
    scenario = after(MONTHLY, bills.add(MONTHLY), bills.give_up(MONTHLY))
    bill = state_of(scenario, MONTHLY)
    assert isinstance(bill, AttentionRequired)
    assert bill.invoice_id is None
    kinds = [type(event) for event in scenario.when(bills.retry(MONTHLY)).events]
    assert kinds == [BillClosing, InvoiceDrafted, InvoiceIssued, BillClosed]


def test_a_bill_needs_a_running_period_of_its_customer() -> None:
    wanted = bills.in_period()
    given(BILL).when(wanted).then_rejected(NotFound)
    running = after(bills.start_period(days=2))
    _, created, _ = running.when(wanted).events
    assert isinstance(created, BillCreated)
    assert created.ends_at == NOON + timedelta(days=2)
    assert created.period_id == f"{bills.start_period().stream_id}-1"
    after(bills.close_period(), scenario=running).when(wanted).then_rejected(NotFound)


def test_a_bill_of_others_is_not_found() -> None:
    other = bills.account_of("cust-2")
    command = bills.add(MONTHLY)
    scenario = after(MONTHLY, bills.monthly("cust-2"))
    wrong = type(command)(bill_id=command.bill_id, account_id=other, item=command.item)
    scenario.when(wrong).then_rejected(NotFound)
    scenario.when(bills.add(bills.monthly(month="2026-07"))).then_rejected(NotFound)


def test_a_state_is_of_one_size_however_many_items_a_bill_has() -> None:

    scenario = after(MONTHLY, bills.add(MONTHLY, "first", "1.00"))
    before = len(msgspec.json.encode(state_of(scenario, MONTHLY)))
    for number in range(2, 100):
        after(bills.add(MONTHLY, str(number), "1.00"), scenario=scenario)
    assert isinstance(state_of(scenario, MONTHLY), Active)
    assert len(msgspec.json.encode(state_of(scenario, MONTHLY))) - before < 8
