"""The tax of an invoice is final as it is issued: by the rules in force then, booked either way."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from contracts.charge import ChargeCaptured, ChargeTaxTruedUp
from contracts.invoice import InvoiceIssued
from contracts.ledger import GlAccount, Posting
from contracts.money import half_even_ratio
from domain.invoice import INVOICE, IssueInvoice
from domain.rejections import Invalid
from domain.tax import TaxRule, TaxRules
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    captured,
    charge_id,
    drafted,
    opened,
    usd,
)
from tests.fixtures.scenario import Scenario, given

ISSUE = IssueInvoice(invoice_id=INVOICE_ID, account_id=ACCOUNT_ID)
FIRST, SECOND = captured(1, 999, 72), captured(2, 500, 40)


def rates(*rules: tuple[str, int]) -> TaxRules:
    return TaxRules(
        tuple(TaxRule(f"r{code}", "*", code, date(2000, 1, 1), None, ppm) for code, ppm in rules)
    )


def billed(rules: TaxRules, *charges: ChargeCaptured) -> Scenario:
    return given(INVOICE, opened(), *charges, drafted(*charges), tax_rules=rules)


def issued_by(scenario: Scenario) -> tuple[list[ChargeTaxTruedUp], InvoiceIssued]:
    events: list[Any] = list(scenario.when(ISSUE).events)
    issued = next(event for event in events if isinstance(event, InvoiceIssued))
    return [event for event in events if isinstance(event, ChargeTaxTruedUp)], issued


def test_nothing_is_trued_up_where_nothing_changed() -> None:
    charges = (captured(1, 1_000, 80), captured(2, 500, 40))
    trued_up, issued = issued_by(billed(rates(("*", 80_000)), *charges))
    assert (trued_up, issued.postings, issued.tax) == ([], (), usd(120))


@pytest.mark.parametrize(
    ("rate_ppm", "taxes", "more"),
    [(0, (0, 0), -112), (80_000, (80, 40), 8), (72_500, (72, 36), -4), (100_000, (100, 50), 38)],
)
def test_the_difference_is_booked_either_way_with_the_issue(
    rate_ppm: int, taxes: tuple[int, int], more: int
) -> None:
    scenario = billed(rates(("*", rate_ppm)), FIRST, SECOND)
    trued_up, issued = issued_by(scenario)
    final = {event.charge_id: event.tax for event in trued_up}
    before = {charge.charge_id: charge.tax for charge in (FIRST, SECOND)}
    assert [(before | final)[charge_id(n)] for n in (1, 2)] == [usd(taxes[0]), usd(taxes[1])]
    assert (issued.net, issued.tax, issued.total) == (
        usd(1_499),
        usd(sum(taxes)),
        usd(1_499 + sum(taxes)),
    )
    assert issued.postings == (
        Posting(gl_account=GlAccount.RECEIVABLE, amount_minor=more),
        Posting(gl_account=GlAccount.TAX_PAYABLE, amount_minor=-more),
    )


def test_a_trued_up_charge_says_by_which_rule_and_what_it_was_before() -> None:
    (event, *_), _ = issued_by(billed(rates(("*", 80_000)), FIRST))
    assert (event.tax_before, event.tax, event.tax_rate_ppm) == (usd(72), usd(80), 80_000)
    assert (event.tax_rule, event.invoice_id) == ("r*", INVOICE_ID)


def test_the_account_owes_what_the_invoice_says() -> None:
    scenario = billed(rates(("*", 100_000)), FIRST, SECOND)
    scenario.happened(*scenario.when(ISSUE).events)
    head = scenario.book.account(ACCOUNT_ID)
    (item,) = scenario.book.open_items[ACCOUNT_ID].values()
    assert head.receivable_minor == item.outstanding_minor == 1_499 + 150
    assert scenario.book.states[charge_id(1)].tax_minor == 100


def test_what_became_free_of_tax_and_costs_nothing_is_paid_at_once() -> None:
    taxed = captured(1, 0, 0)
    scenario = billed(rates(("*", 80_000)), taxed)
    assert len(scenario.when(ISSUE).events) == 2


def test_a_tax_beyond_what_the_ledger_can_hold_is_refused_in_words() -> None:
    charge = captured(1, 9_000_000_000_000_000_000 - 5, 0)
    billed(rates(("*", 1_000_000)), charge).when(ISSUE).then_rejected(Invalid, "exceed")


@for_all(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1, max_size=8),
    st.integers(0, 1_000_000),
)
def test_lines_are_rounded_each_and_sum_to_the_whole(
    amounts: list[tuple[int, int]], rate_ppm: int
) -> None:
    charges = [captured(number, net, tax) for number, (net, tax) in enumerate(amounts)]
    scenario = billed(rates(("*", rate_ppm)), *charges)
    _, issued = issued_by(scenario)
    expected = sum(half_even_ratio(net * rate_ppm, 1_000_000) for net, _ in amounts)
    assert issued.tax.minor == expected
    assert sum(posting.amount_minor for posting in issued.postings) == 0
    scenario.happened(*scenario.when(ISSUE).events)
    assert scenario.book.account(ACCOUNT_ID).receivable_minor == issued.total.minor
