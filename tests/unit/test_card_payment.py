"""Card payments: money that a gateway took is in the books once, whatever happened meanwhile."""

from datetime import date
from typing import Any

import pytest

from contracts.ids import InvoiceId, PaymentId
from contracts.money import Money
from contracts.payment import PaymentFailed, PaymentMethod
from domain.card import CompleteCardPayment, FailCardPayment, InitiateCardPayment
from domain.payment import PAYMENT, PostPayment
from domain.rejections import (
    AlreadyExists,
    CurrencyUnsupported,
    Invalid,
    InvoiceNotOutstanding,
    NotFound,
    PaymentNotPosted,
)
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    begun,
    opened,
    owed,
    paid,
    posted,
    usd,
)
from tests.fixtures.scenario import Scenario, given
from tests.unit.payments import part

PAY = PaymentId("pay_1")
FIRST, SECOND = InvoiceId("inv_1"), InvoiceId("inv_2")
CARD: dict[str, Any] = {"method": PaymentMethod.CARD, "reference": "pi_1"}
COMPLETE = CompleteCardPayment(payment_id=PAY, payment_ref="pi_1")
FAIL = FailCardPayment(payment_id=PAY, code="card_declined")
FAILED = PaymentFailed(
    payment_id=PAY, account_id=ACCOUNT_ID, amount=usd(6_000), code="card_declined"
)


def initiate(minor: int = 6_000, **fields: Any) -> InitiateCardPayment:
    return InitiateCardPayment(
        **{"payment_id": PAY, "account_id": ACCOUNT_ID, "amount": usd(minor), **fields}
    )


@pytest.fixture
def two_owed() -> Scenario:
    """100.00 due later, 50.00 due earlier."""
    return given(
        PAYMENT,
        opened(),
        *owed(1, 10_000, date(2026, 3, 1)),
        *owed(2, 5_000, date(2026, 2, 1)),
    )


def test_beginning_books_nothing(two_owed: Scenario) -> None:
    two_owed.when(initiate()).then(begun(6_000))


def test_a_completed_payment_settles_the_oldest_invoices(two_owed: Scenario) -> None:
    two_owed.happened(begun(6_000)).when(COMPLETE).then(
        posted(6_000, part(SECOND, 5_000), part(FIRST, 1_000), **CARD),
        paid("pay_1", invoice_id=SECOND),
    )


def test_money_whose_invoice_was_settled_meanwhile_is_credit(two_owed: Scenario) -> None:
    two_owed.happened(
        begun(6_000, part(FIRST, 1_000), part(SECOND, 5_000)),
        posted(4_500, part(SECOND, 4_500), payment_id=PaymentId("pay_2")),
    )
    two_owed.when(COMPLETE).then(
        posted(6_000, part(FIRST, 1_000), part(SECOND, 500), **CARD),
        paid("pay_1", invoice_id=SECOND),
    )


def test_completing_twice_is_a_retry_and_another_charge_of_the_card_is_told(
    two_owed: Scenario,
) -> None:
    two_owed.happened(begun(6_000), *two_owed.happened(begun(6_000)).when(COMPLETE).events)
    two_owed.when(COMPLETE).then_nothing()
    twice = CompleteCardPayment(payment_id=PAY, payment_ref="pi_2")
    two_owed.when(twice).then_rejected(AlreadyExists, "taken the money twice")


def test_money_that_came_after_a_failure_is_booked(two_owed: Scenario) -> None:
    two_owed.happened(begun(6_000), FAILED)
    two_owed.when(FAIL).then_nothing()
    (event, *_) = two_owed.when(COMPLETE).events
    assert event == posted(6_000, part(SECOND, 5_000), part(FIRST, 1_000), **CARD)


def test_a_failure_is_noted_once_and_never_of_money_that_came(two_owed: Scenario) -> None:
    two_owed.happened(begun(6_000)).when(FAIL).then(FAILED)
    two_owed.happened(*two_owed.when(COMPLETE).events)
    two_owed.when(FAIL).then_rejected(PaymentNotPosted, "by a refund")


def test_beginning_twice_is_a_retry_and_another_payment_is_refused(two_owed: Scenario) -> None:
    two_owed.happened(begun(6_000))
    two_owed.when(initiate()).then_nothing()
    for other in ({"amount": usd(1)}, {"reference": "r"}, {"allocations": ()}):
        two_owed.when(initiate(**other)).then_rejected(AlreadyExists)
    two_owed.when(initiate(account_id=OTHER_ID)).then_rejected(AlreadyExists)
    cash = PostPayment(
        payment_id=PAY, account_id=ACCOUNT_ID, amount=usd(6_000), method=PaymentMethod.CASH
    )
    two_owed.when(cash).then_rejected(AlreadyExists)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"amount": usd(0)}, Invalid),
        ({"amount": Money.of(1, "EUR")}, CurrencyUnsupported),
        ({"allocations": (part(FIRST, 10_001),)}, Invalid),
        ({"allocations": (part(FIRST, 6_001),)}, Invalid),
        ({"allocations": (part(InvoiceId("inv_9"), 1),)}, InvoiceNotOutstanding),
        ({"account_id": OTHER_ID}, NotFound),
    ],
)
def test_what_could_not_be_posted_is_not_begun(
    two_owed: Scenario, fields: dict[str, Any], why: Any
) -> None:
    two_owed.when(initiate(**fields)).then_rejected(why)


def test_a_payment_that_was_not_begun_does_not_end() -> None:
    given(PAYMENT, opened()).when(COMPLETE).then_rejected(NotFound)
    given(PAYMENT, opened()).when(FAIL).then_rejected(NotFound)
