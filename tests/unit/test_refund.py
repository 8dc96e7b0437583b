"""Refunds: asked for by one, decided by another, never more than was paid."""

from typing import Any

import pytest
from msgspec import structs

from contracts.ids import CreditAllocationId, InvoiceId, PaymentId, RefundId
from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.payment import PaymentMethod, PaymentPosted
from contracts.refund import RefundApproved, RefundFailed, RefundIssued, RefundRejected
from domain import ledger
from domain.credit import CREDIT, AllocateCredit
from domain.invoice import INVOICE, VoidInvoice
from domain.payment import PAYMENT, PostPayment
from domain.refund import (
    REFUND,
    ApproveRefund,
    FailRefund,
    PostRefund,
    RejectRefund,
    RequestRefund,
)
from domain.rejections import (
    AlreadyExists,
    AmountExceedsRefundable,
    CreditExceeded,
    CurrencyUnsupported,
    FourEyes,
    Invalid,
    NotFound,
    PaymentNotPosted,
    RefundNotApproved,
    RefundSettled,
)
from domain.write_side import ItemKind
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    TODAY,
    begun,
    opened,
    owed,
    paid,
    posted,
    refund_asked,
    sealed,
    usd,
)
from tests.fixtures.scenario import Scenario, given
from tests.unit.payments import part

RFD, PAY = RefundId("rfd_1"), PaymentId("pay_1")
APPROVE = ApproveRefund(refund_id=RFD, approved_by="user:bea")
REJECT = RejectRefund(refund_id=RFD, rejected_by="user:bea", reason=sealed())
POST = PostRefund(refund_id=RFD)
FAIL = FailRefund(refund_id=RFD, code="charge_disputed")
APPROVED = RefundApproved(
    refund_id=RFD, payment_id=PAY, account_id=ACCOUNT_ID, approved_by="user:bea"
)
REJECTED = RefundRejected(
    refund_id=RFD,
    payment_id=PAY,
    account_id=ACCOUNT_ID,
    amount=usd(3_000),
    rejected_by="user:bea",
    reason=sealed(),
)


def allocate(minor: int | None = None, name: str = "crd_1") -> AllocateCredit:
    return AllocateCredit(
        credit_allocation_id=CreditAllocationId(name),
        account_id=ACCOUNT_ID,
        amount=None if minor is None else usd(minor),
    )


def ask(minor: int = 3_000, **fields: Any) -> RequestRefund:
    return RequestRefund(
        **{
            "refund_id": RFD,
            "payment_id": PAY,
            "account_id": ACCOUNT_ID,
            "amount": usd(minor),
            "requested_by": "user:ada",
            **fields,
        }
    )


@pytest.fixture
def part_used() -> Scenario:
    """100.00 paid, of which 90.00 settled an invoice and 10.00 are credit."""
    settled = part(InvoiceId("inv_7"), 9_000)
    return given(REFUND, opened(), *owed(7, 9_000), posted(10_000, settled))


def test_asking_reserves_the_amount_for_somebody_to_decide(part_used: Scenario) -> None:
    asked = refund_asked(3_000, reason=sealed(), held=usd(1_000))
    part_used.when(ask(reason=sealed())).then(asked)
    part_used.happened(refund_asked(3_000))
    beyond = ask(7_001, refund_id=RefundId("rfd_2"))
    part_used.when(beyond).then_rejected(AmountExceedsRefundable, "70.00 USD of payment")
    all_of_it = ask(7_000, refund_id=RefundId("rfd_2"))
    assert len(part_used.when(all_of_it).events) == 1


@pytest.mark.parametrize(("minor", "events"), [(2_999, 2), (3_000, 1)])
def test_what_is_under_the_threshold_approves_itself(
    part_used: Scenario, minor: int, events: int
) -> None:
    part_used.book.refund_thresholds["USD"] = 3_000
    decided = part_used.when(ask(minor)).events
    assert len(decided) == events
    if events == 2:
        assert decided[1] == RefundApproved(refund_id=RFD, payment_id=PAY, account_id=ACCOUNT_ID)


def test_parts_of_a_payment_are_no_way_around_the_second_person(part_used: Scenario) -> None:
    part_used.book.refund_thresholds["USD"] = 3_000
    one, two, three = (RefundId(f"rfd_{number}") for number in (1, 2, 3))
    first = part_used.when(ask(1_500, refund_id=one)).events
    assert len(first) == 2
    part_used.happened(*first)
    second = part_used.when(ask(1_500, refund_id=two)).events
    assert len(second) == 1
    part_used.happened(*second)
    # What was rejected was not given back.
    part_used.happened(*part_used.when(structs.replace(REJECT, refund_id=two)).events)
    assert len(part_used.when(ask(1_499, refund_id=three)).events) == 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"amount": usd(0)}, Invalid),
        ({"amount": usd(-1)}, Invalid),
        ({"amount": Money.of(1, "EUR")}, CurrencyUnsupported),
        ({"amount": usd(10_001)}, AmountExceedsRefundable),
        ({"payment_id": PaymentId("pay_9")}, NotFound),
        ({"account_id": OTHER_ID}, NotFound),
    ],
)
def test_what_was_not_paid_is_not_given_back(
    part_used: Scenario, fields: dict[str, Any], why: Any
) -> None:
    part_used.when(ask(**fields)).then_rejected(why)


def test_a_card_payment_that_was_not_made_is_not_given_back() -> None:
    given(REFUND, opened(), begun(5_000)).when(ask()).then_rejected(PaymentNotPosted)


def test_whoever_asked_does_not_decide(part_used: Scenario) -> None:
    part_used.happened(refund_asked(3_000))
    own = ApproveRefund(refund_id=RFD, approved_by="user:ada")
    part_used.when(own).then_rejected(FourEyes, "let another decide")
    refusal = RejectRefund(refund_id=RFD, rejected_by="user:ada", reason=sealed())
    part_used.when(refusal).then_rejected(FourEyes)
    part_used.when(APPROVE).then(APPROVED)
    part_used.when(REJECT).then(REJECTED)


def test_a_rejected_refund_is_never_made_and_its_money_is_free_again(part_used: Scenario) -> None:
    part_used.happened(refund_asked(3_000), REJECTED)
    part_used.when(REJECT).then_nothing()
    part_used.when(APPROVE).then_rejected(RefundSettled, "is rejected already")
    part_used.when(POST).then_rejected(RefundNotApproved)
    assert len(part_used.when(ask(10_000, refund_id=RefundId("rfd_2"))).events) == 1


def test_credit_bears_a_refund_first_and_the_rest_is_owed_again(part_used: Scenario) -> None:
    part_used.happened(refund_asked(3_000), APPROVED)
    (issued,) = part_used.when(POST).events
    assert isinstance(issued, RefundIssued)
    assert [(line.gl_account, line.amount_minor) for line in issued.postings] == [
        ("2100", 1_000),
        ("1100", 2_000),
        ("1010", -3_000),
    ]
    assert (issued.from_credit, issued.from_receivable) == (usd(1_000), usd(2_000))
    head = part_used.happened(issued).book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (2_000, 0)


@pytest.mark.parametrize(
    ("method", "paid_from"),
    [
        (PaymentMethod.CASH, "1010"),
        (PaymentMethod.CARD, "1020"),
        (PaymentMethod.BANK, "1030"),
        (PaymentMethod.REMITTANCE, "1030"),
    ],
)
def test_money_goes_back_where_it_came_from(method: PaymentMethod, paid_from: str) -> None:
    scenario = given(REFUND, opened(), posted(5_000, method=method))
    scenario.happened(*scenario.when(ask()).events, APPROVED)
    (issued,) = scenario.when(POST).events
    assert isinstance(issued, RefundIssued)
    assert (issued.postings[-1].gl_account, issued.method) == (paid_from, method)


def test_a_refund_that_failed_is_taken_back_to_the_cent(part_used: Scenario) -> None:
    before = part_used.book.account(ACCOUNT_ID)
    part_used.happened(refund_asked(3_000), APPROVED)
    part_used.happened(*part_used.when(POST).events)
    (failed,) = part_used.when(FAIL).events
    assert isinstance(failed, RefundFailed)
    after = part_used.happened(failed).book.account(ACCOUNT_ID)
    assert (after.receivable_minor, after.credit_minor) == (
        before.receivable_minor,
        before.credit_minor,
    )
    part_used.when(FAIL).then_nothing()
    part_used.when(POST).then_rejected(RefundNotApproved, "is failed")
    assert len(part_used.when(ask(10_000, refund_id=RefundId("rfd_2"))).events) == 1


def test_credit_that_a_refund_holds_settles_nothing_else() -> None:
    scenario = given(REFUND, opened(), posted(10_000), *owed(7, 10_000))
    scenario.happened(*scenario.when(ask(6_000)).events)
    credit = scenario.of(CREDIT)
    credit.when(allocate(4_001)).then_rejected(CreditExceeded, "has 40.00 USD of credit, less than")
    credit.when(allocate(4_001)).then_rejected(CreditExceeded, "refunds hold 60.00 more")
    scenario.happened(*credit.when(allocate()).events)
    credit.when(allocate(1, "crd_2")).then_rejected(CreditExceeded, "has no credit")
    scenario.happened(APPROVED)
    (issued,) = scenario.when(POST).events
    assert isinstance(issued, RefundIssued)
    assert (issued.from_credit, issued.from_receivable) == (usd(6_000), usd(0))
    scenario.happened(issued)
    assert [item.outstanding_minor for item in scenario.book.owed(ACCOUNT_ID)] == [6_000]


@pytest.mark.parametrize("end", [[REJECTED], [APPROVED, FAIL], [APPROVED, POST, FAIL]])
def test_credit_is_free_again_when_its_refund_is_not_made(end: list[Any]) -> None:
    scenario = given(REFUND, opened(), posted(10_000))
    scenario.happened(*scenario.when(ask(10_000)).events)
    assert scenario.book.free_credit_minor(ACCOUNT_ID) == 0
    for step in end:
        event = step in (POST, FAIL)
        scenario.happened(*(scenario.when(step).events if event else [step]))
    assert scenario.book.free_credit_minor(ACCOUNT_ID) == 10_000
    assert scenario.book.items(ACCOUNT_ID, ItemKind.HELD) == []


def test_two_refunds_share_the_credit_and_neither_takes_what_the_other_holds() -> None:
    settled = part(InvoiceId("inv_7"), 9_000)
    scenario = given(REFUND, opened(), *owed(7, 9_000), posted(19_000, settled))
    second = RefundId("rfd_2")
    scenario.happened(*scenario.when(ask(6_000)).events)
    (asked,) = scenario.when(ask(6_000, refund_id=second)).events
    assert asked.held == usd(4_000)  # type: ignore[attr-defined]  # a request
    scenario.happened(asked)
    for refund_id, credit, owed_again in ((second, 4_000, 2_000), (RFD, 6_000, 0)):
        scenario.happened(structs.replace(APPROVED, refund_id=refund_id))
        (issued,) = scenario.when(PostRefund(refund_id=refund_id)).events
        assert isinstance(issued, RefundIssued)
        assert (issued.from_credit, issued.from_receivable) == (usd(credit), usd(owed_again))
        scenario.happened(issued)


@pytest.fixture
def owed_again() -> Scenario:
    """100.00 paid on an invoice, and given back: the invoice is paid, the account owes 100.00."""
    settled = part(InvoiceId("inv_7"), 10_000)
    scenario = given(REFUND, opened(), *owed(7, 10_000), posted(10_000, settled))
    scenario.happened(paid("pay_1", invoice_id=InvoiceId("inv_7")), refund_asked(10_000), APPROVED)
    return scenario.happened(*scenario.when(POST).events)


def test_what_is_owed_again_is_due_at_once_and_the_next_money_settles_it(
    owed_again: Scenario,
) -> None:
    (again,) = owed_again.book.owed(ACCOUNT_ID)
    assert (again.kind, again.outstanding_minor) == (ItemKind.UNALLOCATED, 10_000)
    assert again.due_on == TODAY
    pay = PostPayment(
        payment_id=PaymentId("pay_2"),
        account_id=ACCOUNT_ID,
        amount=usd(10_500),
        method=PaymentMethod.CASH,
    )
    (event,) = owed_again.of(PAYMENT).when(pay).events
    assert isinstance(event, PaymentPosted)
    assert (event.allocations, event.credited) == ((), usd(500))
    head = owed_again.happened(event).book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (0, 500)
    assert owed_again.book.owed(ACCOUNT_ID) == []


def test_a_void_gives_no_credit_for_money_that_was_given_back_before(
    owed_again: Scenario,
) -> None:
    void = VoidInvoice(invoice_id=InvoiceId("inv_7"), account_id=ACCOUNT_ID, reason=sealed())
    owed_again.happened(*owed_again.of(INVOICE).when(void).events)
    head = owed_again.book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (0, 0)
    assert owed_again.book.owed(ACCOUNT_ID) == []


def test_what_was_owed_again_and_paid_is_credit_when_the_refund_fails(
    owed_again: Scenario,
) -> None:
    settled = {"postings": ledger.payment(GlAccount.CASH, 4_000, 0), "credited": usd(0)}
    owed_again.happened(posted(4_000, payment_id=PaymentId("pay_2"), **settled))
    (failed,) = owed_again.when(FAIL).events
    assert isinstance(failed, RefundFailed)
    assert [(line.gl_account, line.amount_minor) for line in failed.postings] == [
        ("2100", -4_000),
        ("1100", -6_000),
        ("1010", 10_000),
    ]
    assert owed_again.happened(failed).book.owed(ACCOUNT_ID) == []


def test_a_refund_that_failed_before_it_was_booked_books_nothing(part_used: Scenario) -> None:
    part_used.happened(refund_asked(3_000)).when(FAIL).then_rejected(RefundNotApproved)
    (failed,) = part_used.happened(APPROVED).when(FAIL).events
    assert isinstance(failed, RefundFailed)
    assert failed.postings == ()


def test_every_step_twice_is_a_retry(part_used: Scenario) -> None:
    part_used.happened(refund_asked(3_000))
    part_used.when(ask()).then_nothing()
    part_used.when(POST).then_rejected(RefundNotApproved)
    part_used.happened(APPROVED).when(APPROVE).then_nothing()
    part_used.when(REJECT).then_rejected(RefundSettled, "is approved already")
    part_used.happened(*part_used.when(POST).events).when(POST).then_nothing()
    part_used.when(APPROVE).then_nothing()


@pytest.mark.parametrize(
    "other",
    [{"amount": usd(1)}, {"payment_id": PaymentId("pay_2")}, {"requested_by": "user:bea"}],
)
def test_another_refund_under_the_same_id_is_refused(
    part_used: Scenario, other: dict[str, Any]
) -> None:
    part_used.happened(refund_asked(3_000)).when(ask(**other)).then_rejected(AlreadyExists)


@pytest.mark.parametrize("command", [APPROVE, REJECT, POST, FAIL])
def test_nobody_decides_about_what_nobody_asked_for(command: Any) -> None:
    given(REFUND, opened()).when(command).then_rejected(NotFound)
