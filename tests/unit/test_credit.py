"""Credit: settles invoices later, never more of it than there is."""

from datetime import date
from typing import Any

import pytest

from contracts.credit import CreditAllocated
from contracts.ids import CreditAllocationId, InvoiceId, PaymentId
from contracts.money import Money
from domain import ledger
from domain.credit import CREDIT, AllocateCredit
from domain.rejections import (
    AlreadyExists,
    CreditExceeded,
    CurrencyUnsupported,
    Invalid,
    InvoiceNotOutstanding,
    NothingOutstanding,
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
from tests.unit.payments import part

CRD = CreditAllocationId("crd_1")
FIRST, SECOND = InvoiceId("inv_1"), InvoiceId("inv_2")


def allocate(**fields: Any) -> AllocateCredit:
    return AllocateCredit(**{"credit_allocation_id": CRD, "account_id": ACCOUNT_ID, **fields})


def allocated(*parts: Any) -> CreditAllocated:
    minor = sum(part.amount.minor for part in parts)
    return CreditAllocated(
        credit_allocation_id=CRD,
        account_id=ACCOUNT_ID,
        facility="north",
        currency="USD",
        effective_on=TODAY,
        booked_on=TODAY,
        postings=ledger.credit_used(minor),
        amount=usd(minor),
        allocations=parts,
    )


@pytest.fixture
def with_credit() -> Scenario:
    """60.00 of credit; 100.00 due later, 50.00 due earlier."""
    return given(
        CREDIT,
        opened(),
        posted(6_000, payment_id=PaymentId("pay_9")),
        *owed(1, 10_000, date(2026, 3, 1)),
        *owed(2, 5_000, date(2026, 2, 1)),
    )


def test_credit_goes_to_the_invoice_that_is_due_first(with_credit: Scenario) -> None:
    outcome = with_credit.when(allocate())
    outcome.then(
        allocated(part(SECOND, 5_000), part(FIRST, 1_000)), paid("crd_1", invoice_id=SECOND)
    )
    head = with_credit.happened(*outcome.events).book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (9_000, 0)


def test_no_more_is_used_than_was_said(with_credit: Scenario) -> None:
    with_credit.when(allocate(amount=usd(200))).then(allocated(part(SECOND, 200)))


def test_credit_goes_where_a_caller_says(with_credit: Scenario) -> None:
    with_credit.when(allocate(allocations=(part(FIRST, 300),))).then(allocated(part(FIRST, 300)))


@pytest.mark.parametrize(
    ("fields", "why", "text"),
    [
        ({"amount": usd(6_001)}, CreditExceeded, "has 60.00 USD of credit, less than 60.01"),
        ({"allocations": (part(FIRST, 6_001),)}, CreditExceeded, "less than 60.01"),
        ({"allocations": (part(FIRST, 2), part(SECOND, 1)), "amount": usd(2)}, Invalid, "add up"),
        ({"amount": usd(0)}, Invalid, "positive"),
        ({"amount": usd(-1)}, Invalid, "positive"),
        ({"amount": Money.of(1, "EUR")}, CurrencyUnsupported, "is in USD"),
        ({"allocations": ()}, Invalid, "names no invoice"),
        ({"allocations": (part(FIRST, 1), part(FIRST, 1))}, Invalid, "twice"),
        ({"allocations": (part(SECOND, 5_001),)}, Invalid, "50.00 is outstanding"),
        ({"allocations": (part(InvoiceId("inv_9"), 1),)}, InvoiceNotOutstanding, "inv_9"),
    ],
)
def test_what_does_not_fit_is_refused(
    with_credit: Scenario, fields: dict[str, Any], why: Any, text: str
) -> None:
    with_credit.when(allocate(**fields)).then_rejected(why, text)


def test_without_credit_or_without_a_debt_there_is_nothing_to_allocate() -> None:
    given(CREDIT, opened(), *owed(1, 100)).when(allocate()).then_rejected(
        CreditExceeded, "has no credit"
    )
    given(CREDIT, opened(), posted(100)).when(allocate()).then_rejected(NothingOutstanding)


def test_allocating_twice_is_a_retry(with_credit: Scenario) -> None:
    with_credit.happened(*with_credit.when(allocate()).events)
    with_credit.when(allocate()).then_nothing()
    for other in ({"amount": usd(1)}, {"allocations": (part(FIRST, 1),)}, {"account_id": OTHER_ID}):
        with_credit.when(allocate(**other)).then_rejected(AlreadyExists)
