"""Refunds: asked for by one, decided by another, never more than was paid."""

from typing import Any

import pytest
from msgspec import structs

from contracts.ids import InvoiceId, PaymentId, RefundId
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.refund import RefundApproved, RefundFailed, RefundIssued, RefundRejected
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
    CurrencyUnsupported,
    FourEyes,
    Invalid,
    NotFound,
    PaymentNotPosted,
    RefundNotApproved,
    RefundSettled,
)
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    begun,
    opened,
    owed,
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
    part_used.when(ask(reason=sealed())).then(refund_asked(3_000, reason=sealed()))
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
