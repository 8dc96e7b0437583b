"""Voids: whatever an invoice put into the books is taken back, and money is never lost."""

from datetime import date
from typing import Any

import pytest

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.ids import InvoiceId
from contracts.invoice import InvoiceVoided
from domain.invoice import INVOICE, CreateDraftInvoice, IssueInvoice, VoidInvoice
from domain.rejections import AlreadyExists, InvoiceNotDraft, InvoiceNotIssued, NotFound
from domain.tax import TaxRule, TaxRules
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    OTHER_ID,
    SERVICE_ON,
    TODAY,
    adjusted,
    captured,
    drafted,
    issued,
    opened,
    paid,
    posted,
    sealed,
    usd,
)
from tests.fixtures.scenario import Scenario, given
from tests.unit.payments import part

CHARGES = (captured(1, 10_000, 700, facility="south"), captured(2, 5_000), captured(3, 0))


def void(**fields: Any) -> VoidInvoice:
    return VoidInvoice(**{"invoice_id": INVOICE_ID, "reason": sealed(), **fields})


@pytest.fixture
def owed() -> Scenario:
    """157.00 on three lines, one of them for nothing."""
    return given(INVOICE, opened(), *CHARGES, drafted(*CHARGES), issued(*CHARGES))


def lines_of(event: Any) -> list[tuple[str, int]]:
    return [(posting.gl_account.value, posting.amount_minor) for posting in event.postings]


def test_each_line_is_taken_back_as_it_was_booked(owed: Scenario) -> None:
    voided, first, second = owed.when(void()).events
    assert isinstance(voided, InvoiceVoided)
    assert (voided.outstanding, voided.released, voided.postings) == (usd(15_700), usd(0), ())
    assert isinstance(first, AdjustmentApplied)
    assert lines_of(first) == [("1100", -10_700), ("4000", 10_000), ("2200", 700)]
    assert (first.facility, first.effective_on, first.booked_on) == ("south", SERVICE_ON, TODAY)
    assert (first.reason, first.direction, first.amount) == (
        AdjustmentReason.INVOICE_VOID,
        Direction.CREDIT,
        usd(10_700),
    )
    assert lines_of(second) == [("1100", -5_000), ("4000", 5_000)]


def test_what_was_paid_is_credit_and_what_was_adjusted_is_taken_back(owed: Scenario) -> None:
    owed.happened(
        posted(4_000, part(INVOICE_ID, 4_000)),
        adjusted("4900", 1_000, invoice_id=INVOICE_ID, reason=AdjustmentReason.CONTRACTUAL),
        adjusted("6100", -300, invoice_id=INVOICE_ID, reason=AdjustmentReason.CHARITY),
    )
    outcome = owed.when(void())
    voided, *_, contractual, charity = outcome.events
    assert isinstance(voided, InvoiceVoided)
    assert (voided.outstanding, voided.released) == (usd(11_000), usd(4_000))
    assert lines_of(voided) == [("2100", -4_000), ("1100", 4_000)]
    assert lines_of(contractual) == [("4900", -1_000), ("1100", 1_000)]
    assert lines_of(charity) == [("6100", 300), ("1100", -300)]
    head = owed.happened(*outcome.events).book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.credit_minor) == (0, 4_000)
    assert owed.book.open_items[ACCOUNT_ID] == {}


def test_a_paid_invoice_is_voided_too(owed: Scenario) -> None:
    owed.happened(posted(15_700, part(INVOICE_ID, 15_700)), paid("pay_1"))
    voided = owed.when(void()).events[0]
    assert isinstance(voided, InvoiceVoided)
    assert (voided.outstanding, voided.released) == (usd(0), usd(15_700))


def test_tax_that_only_the_issue_booked_is_taken_back() -> None:
    charge = captured(1, 10_000)
    trued_up = issued(charge, tax=usd(500), total=usd(10_500))
    scenario = given(INVOICE, opened(), charge, drafted(charge), trued_up)
    *_, tax = scenario.when(void()).events
    assert lines_of(tax) == [("1100", -500), ("2200", 500)]


def test_tax_that_was_trued_up_is_taken_back_where_the_issue_booked_it() -> None:
    charge = captured(1, 10_000, 500, facility="south")
    scenario = given(
        INVOICE,
        opened(),
        charge,
        drafted(charge, facility="west"),
        tax_rules=TaxRules((TaxRule("vat", "*", "*", date(2000, 1, 1), None, 72_500),)),
    )
    scenario.happened(*scenario.when(IssueInvoice(invoice_id=INVOICE_ID)).events)
    _, line, tax = scenario.when(void()).events
    assert isinstance(line, AdjustmentApplied)
    assert isinstance(tax, AdjustmentApplied)
    assert (line.facility, lines_of(line)) == (
        "south",
        [("1100", -10_500), ("4000", 10_000), ("2200", 500)],
    )
    assert (tax.facility, lines_of(tax)) == ("west", [("1100", -225), ("2200", 225)])


def test_the_same_void_again_is_a_retry_and_another_is_refused(owed: Scenario) -> None:
    owed.happened(*owed.when(void()).events)
    owed.when(void()).then_nothing()
    owed.when(void(reason=sealed("b3RoZXI="))).then_rejected(InvoiceNotIssued, "void already")


def test_what_was_never_issued_is_not_voided() -> None:
    given(INVOICE, opened()).when(void()).then_rejected(NotFound)
    scenario = given(INVOICE, opened(), *CHARGES, drafted(*CHARGES))
    scenario.when(void()).then_rejected(InvoiceNotIssued, "is a draft")


def test_an_account_voids_its_own_invoices_only(owed: Scenario) -> None:
    owed.when(void(account_id=OTHER_ID)).then_rejected(NotFound, "not one of account")


def test_a_void_invoice_and_its_charges_are_closed_for_good(owed: Scenario) -> None:
    owed.happened(*owed.when(void()).events)
    owed.when(IssueInvoice(invoice_id=INVOICE_ID)).then_rejected(InvoiceNotDraft)
    draft = CreateDraftInvoice(invoice_id=INVOICE_ID, account_id=ACCOUNT_ID)
    owed.when(draft).then_rejected(AlreadyExists)
    again = CreateDraftInvoice(
        invoice_id=InvoiceId("inv_2"),
        account_id=ACCOUNT_ID,
        charge_ids=(CHARGES[0].charge_id,),
    )
    assert owed.when(again).decided == ()
