"""Payments: posted once, allocated to the cent, the rest is credit."""

from datetime import date
from typing import Any

import msgspec
import pytest

from contracts.ids import InvoiceId, PaymentId, RemittanceId
from contracts.money import Money
from contracts.payment import Allocation, PaymentMethod, PaymentPosted
from domain.payment import PAYMENT, PostPayment
from domain.rejections import (
    AlreadyExists,
    CurrencyUnsupported,
    Invalid,
    InvoiceNotOutstanding,
    NotFound,
)
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    TODAY,
    opened,
    owed,
    paid,
    posted,
    usd,
)
from tests.fixtures.scenario import Scenario, given

FIRST, SECOND = InvoiceId("inv_1"), InvoiceId("inv_2")


def pay(minor: int = 10_000, **fields: Any) -> PostPayment:
    return PostPayment(
        **{
            "payment_id": PaymentId("pay_1"),
            "account_id": ACCOUNT_ID,
            "amount": usd(minor),
            "method": PaymentMethod.CASH,
            **fields,
        }
    )


def part(invoice_id: InvoiceId, minor: int) -> Allocation:
    return Allocation(invoice_id=invoice_id, amount=usd(minor))


@pytest.fixture
def two_owed() -> Scenario:
    """100.00 due later, 50.00 due earlier."""
    return given(
        PAYMENT,
        opened(),
        *owed(1, 10_000, date(2026, 3, 1)),
        *owed(2, 5_000, date(2026, 2, 1)),
    )


def test_money_goes_to_the_invoice_that_is_due_first(two_owed: Scenario) -> None:
    two_owed.when(pay(3_000)).then(posted(3_000, part(SECOND, 3_000)))


def test_what_settles_an_invoice_says_so_after_the_payment(two_owed: Scenario) -> None:
    two_owed.when(pay(7_000)).then(
        posted(7_000, part(SECOND, 5_000), part(FIRST, 2_000)),
        paid("pay_1", invoice_id=SECOND),
    )


def test_what_is_left_is_credit(two_owed: Scenario) -> None:
    outcome = two_owed.when(pay(16_000))
    outcome.then(
        posted(16_000, part(SECOND, 5_000), part(FIRST, 10_000)),
        paid("pay_1", invoice_id=SECOND),
        paid("pay_1", invoice_id=FIRST),
    )
    head = two_owed.happened(*outcome.events).book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (0, 1_000)


def test_without_anything_owed_all_is_credit() -> None:
    given(PAYMENT, opened()).when(pay()).then(posted(10_000))


def test_a_caller_allocates_as_it_likes(two_owed: Scenario) -> None:
    command = pay(10_000, allocations=(part(FIRST, 4_000), part(SECOND, 1_000)))
    two_owed.when(command).then(posted(10_000, part(FIRST, 4_000), part(SECOND, 1_000)))


def test_a_caller_that_allocates_nothing_gets_credit(two_owed: Scenario) -> None:
    two_owed.when(pay(allocations=())).then(posted(10_000))


def test_a_payment_for_one_invoice_goes_there_and_nowhere_else(two_owed: Scenario) -> None:
    outcome = two_owed.when(pay(12_000, invoice_id=FIRST))
    outcome.then(posted(12_000, part(FIRST, 10_000)), paid("pay_1", invoice_id=FIRST))
    two_owed.happened(*outcome.events)
    # Paid again by somebody else: nothing is outstanding, so all of it is credit.
    again = pay(700, payment_id=PaymentId("pay_2"), invoice_id=FIRST)
    two_owed.when(again).then(posted(700, payment_id=PaymentId("pay_2")))


@pytest.mark.parametrize(
    ("allocations", "why", "text"),
    [
        ((part(FIRST, 5_000), part(FIRST, 5_000)), Invalid, "twice"),
        ((part(FIRST, 10_001),), Invalid, "100.00 is outstanding"),
        ((part(FIRST, 0),), Invalid, "0.00 cannot be allocated"),
        ((part(FIRST, -1),), Invalid, "-0.01 cannot be allocated"),
        ((part(FIRST, 10_000), part(SECOND, 1)), Invalid, "add up to 100.01, more than"),
        ((part(InvoiceId("inv_9"), 1),), InvoiceNotOutstanding, "inv_9"),
        (
            (Allocation(invoice_id=FIRST, amount=Money.of(1, "EUR")),),
            Invalid,
            "is not in USD",
        ),
    ],
)
def test_an_allocation_that_does_not_fit_is_refused(
    two_owed: Scenario, allocations: Any, why: Any, text: str
) -> None:
    two_owed.when(pay(allocations=allocations)).then_rejected(why, text)


def test_a_settled_invoice_takes_no_allocation(two_owed: Scenario) -> None:
    two_owed.happened(posted(5_000, part(SECOND, 5_000)), paid("pay_1", invoice_id=SECOND))
    command = pay(payment_id=PaymentId("pay_2"), allocations=(part(SECOND, 1),))
    two_owed.when(command).then_rejected(InvoiceNotOutstanding, "nothing outstanding")


@pytest.mark.parametrize("minor", [0, -1])
def test_a_payment_is_of_some_money(minor: int) -> None:
    given(PAYMENT, opened()).when(pay(minor)).then_rejected(Invalid, "positive")


def test_a_payment_is_in_the_accounts_currency() -> None:
    command = pay(amount=Money.of(1, "EUR"))
    given(PAYMENT, opened()).when(command).then_rejected(CurrencyUnsupported, "is in USD")


def test_an_account_that_is_not_there_is_not_paid() -> None:
    given(PAYMENT).when(pay()).then_rejected(NotFound)


def test_posting_twice_is_a_retry() -> None:
    given(PAYMENT, opened(), posted(10_000)).when(pay()).then_nothing()
    dated = posted(10_000, effective_on=date(2025, 1, 1))
    given(PAYMENT, opened(), dated).when(pay(received_on=date(2025, 1, 1))).then_nothing()


def test_a_repeat_is_one_however_its_money_was_allocated(two_owed: Scenario) -> None:
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"invoice_id": FIRST},
        {"allocations": (part(FIRST, 1), part(SECOND, 2))},
    )
    for number, asked in enumerate(ways):
        command = pay(100, payment_id=PaymentId(f"pay_{number}"), **asked)
        two_owed.happened(*two_owed.when(command).events)
        two_owed.when(command).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        {"amount": usd(99)},
        {"amount": Money.of(100, "EUR")},
        {"method": PaymentMethod.CARD},
        {"received_on": date(2025, 1, 1)},
        {"payer": "somebody else"},
        {"remittance_id": RemittanceId("rem_1")},
        {"reference": "r-2"},
        {"invoice_id": SECOND},
        {"allocations": (part(SECOND, 100),)},
        {"allocations": ()},
    ],
)
def test_another_payment_under_the_same_id_is_refused(
    two_owed: Scenario, other: dict[str, Any]
) -> None:
    two_owed.happened(*two_owed.when(pay(100, invoice_id=FIRST)).events)
    command = pay(
        **{"minor": 100, "invoice_id": None if "allocations" in other else FIRST, **other}
    )
    two_owed.when(command).then_rejected(AlreadyExists, "with other content")


def test_a_repeat_is_told_by_less_where_an_older_release_kept_no_more() -> None:
    scenario = given(PAYMENT, opened(), posted(10_000))
    state = scenario.book.states["pay_1"]
    scenario.book.states["pay_1"] = msgspec.structs.replace(state, asked=None)
    scenario.when(pay(reference="r-2")).then_nothing()
    scenario.when(pay(99)).then_rejected(AlreadyExists)


def test_a_payment_of_another_account_is_none_of_this_one() -> None:
    history = (opened(), opened(account_id=OTHER_ID, patient_id="p2"), posted(10_000))
    given(PAYMENT, *history).when(pay(account_id=OTHER_ID)).then_rejected(AlreadyExists)


@pytest.mark.parametrize(
    ("method", "gl_account"),
    [
        (PaymentMethod.CASH, "1010"),
        (PaymentMethod.CARD, "1020"),
        (PaymentMethod.BANK, "1030"),
        (PaymentMethod.REMITTANCE, "1030"),
    ],
)
def test_the_method_decides_where_money_is(method: PaymentMethod, gl_account: str) -> None:
    (event,) = given(PAYMENT, opened()).when(pay(method=method)).events
    assert isinstance(event, PaymentPosted)
    assert [(line.gl_account, line.amount_minor) for line in event.postings] == [
        (gl_account, 10_000),
        ("2100", -10_000),
    ]


def test_money_that_came_earlier_counts_from_then() -> None:
    (event,) = given(PAYMENT, opened()).when(pay(received_on=date(2025, 12, 30))).events
    assert isinstance(event, PaymentPosted)
    assert (event.effective_on, event.booked_on) == (date(2025, 12, 30), TODAY)
