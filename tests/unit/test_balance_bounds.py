"""What an account and an invoice may add up to: refused in words before Postgres refuses it."""

import re
from typing import Any

import msgspec
import pytest

from contracts import ids
from contracts.adjustment import AdjustmentReason, Direction
from contracts.currency import EXPONENTS
from contracts.invoice import InvoiceDrafted
from contracts.money import MINOR_MAX, Money, sum_minor_max
from contracts.payment import PaymentMethod
from domain.adjustment import ADJUSTMENT, ApplyAdjustment
from domain.charge import CHARGE
from domain.invoice import INVOICE, CreateDraftInvoice
from domain.payment import PAYMENT, PostPayment
from domain.rejections import Invalid
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    capture,
    captured,
    opened,
    owed,
    usd,
)
from tests.fixtures.scenario import Scenario, given

BIGINT_MAX = 2**63 - 1
MOST_MINOR = sum_minor_max("USD")
TOO_MUCH = "the balance of account acc_1 would exceed 9999999999999999.99 USD"
CHARGE_ONE = capture()
PAY_ONE = PostPayment(
    payment_id=ids.PaymentId("pay_1"),
    account_id=ACCOUNT_ID,
    amount=usd(1),
    method=PaymentMethod.CASH,
)


def adjust(direction: Direction, minor: int = 1, **fields: Any) -> ApplyAdjustment:
    return ApplyAdjustment(
        adjustment_id=ids.AdjustmentId("adj_1"),
        account_id=ACCOUNT_ID,
        reason=AdjustmentReason.COURTESY,
        direction=direction,
        amount=usd(minor),
        **fields,
    )


def at(scenario: Scenario, **balances: int) -> Scenario:
    """The account with such balances."""
    head = scenario.book.account(ACCOUNT_ID)
    scenario.book.accounts[ACCOUNT_ID] = msgspec.structs.replace(head, **balances)
    return scenario


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_what_an_account_may_add_up_to_can_be_stored_and_published(currency: str) -> None:
    most_minor = sum_minor_max(currency)
    assert MINOR_MAX < most_minor <= BIGINT_MAX
    pattern = msgspec.json.schema(Money)["$defs"]["Money"]["properties"]["amount"]["pattern"]
    assert re.search(pattern, Money.of(-most_minor, currency).amount)


@pytest.mark.parametrize(
    ("decider", "command", "balance", "bound"),
    [
        (CHARGE, CHARGE_ONE, "receivable_minor", MOST_MINOR),
        (PAYMENT, PAY_ONE, "credit_minor", MOST_MINOR),
        (ADJUSTMENT, adjust(Direction.DEBIT), "receivable_minor", MOST_MINOR),
    ],
)
def test_a_balance_reaches_its_bound_and_not_a_cent_more(
    decider: Any, command: Any, balance: str, bound: int
) -> None:
    fits = at(given(decider, opened()), **{balance: bound - 1})
    (event,) = fits.when(command).events
    fits.happened(event)
    assert getattr(fits.book.account(ACCOUNT_ID), balance) == bound
    at(given(decider, opened()), **{balance: bound}).when(command).then_rejected(Invalid, TOO_MUCH)


def test_an_account_beyond_the_bound_may_come_back() -> None:
    beyond = at(given(ADJUSTMENT, opened(), *owed(1, 1)), receivable_minor=BIGINT_MAX)
    assert beyond.when(adjust(Direction.CREDIT)).events
    beyond.when(adjust(Direction.DEBIT)).then_rejected(Invalid, TOO_MUCH)


def test_an_invoice_over_more_than_an_account_may_owe_is_refused() -> None:
    """In an older release adjustments of an account lowered what it owes below its charges."""
    charges = [captured(number, MINOR_MAX) for number in range(1, 1 + MOST_MINOR // MINOR_MAX)]
    rest = captured(1_000, MOST_MINOR % MINOR_MAX)
    scenario = given(INVOICE, opened(), *charges, rest, captured(1_001, 1))
    draft = CreateDraftInvoice(invoice_id=INVOICE_ID, account_id=ACCOUNT_ID)
    scenario.when(draft).then_rejected(Invalid, "name fewer charges in charge_ids")
    named = tuple(charge.charge_id for charge in (*charges, rest))
    (drafted,) = scenario.when(msgspec.structs.replace(draft, charge_ids=named)).events
    assert isinstance(drafted, InvoiceDrafted)
    assert drafted.total.minor == MOST_MINOR


def test_what_is_outstanding_on_an_invoice_is_not_raised_beyond_the_bound() -> None:
    history = owed(1, MOST_MINOR - 1)
    scenario = at(given(ADJUSTMENT, opened(), *history), receivable_minor=0)
    invoice_id = ids.InvoiceId("inv_1")
    assert scenario.when(adjust(Direction.DEBIT, invoice_id=invoice_id)).events
    scenario.when(adjust(Direction.DEBIT, 2, invoice_id=invoice_id)).then_rejected(
        Invalid, "outstanding on invoice inv_1 would exceed 9999999999999999.99 USD"
    )
