"""Invoices: charges bundled, numbered without a gap, settled."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from contracts.ids import ChargeId, InvoiceId
from contracts.invoice import InvoiceDrafted, InvoiceIssued, InvoiceLinesAdded
from domain.book import Calendar
from domain.invoice import (
    DUE_DAYS_MAX,
    INVOICE,
    CreateDraftInvoice,
    Draft,
    IssueInvoice,
    Paid,
)
from domain.lines import lines_digest
from domain.rejections import (
    AlreadyExists,
    ChargeNotOpen,
    Invalid,
    InvoiceIssuedBefore,
    NotFound,
    NothingToInvoice,
)
from domain.tax import TaxRule, TaxRules
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    OTHER_ID,
    TODAY,
    captured,
    charge_id,
    drafted,
    issued,
    opened,
    paid,
    usd,
)
from tests.fixtures.scenario import given

FIRST, SECOND = captured(1), captured(2, 500, 40)


def draft(**fields: Any) -> CreateDraftInvoice:
    return CreateDraftInvoice(**{"invoice_id": INVOICE_ID, "account_id": ACCOUNT_ID, **fields})


def issue(**fields: Any) -> IssueInvoice:
    return IssueInvoice(**{"invoice_id": INVOICE_ID, "account_id": ACCOUNT_ID, **fields})


def test_a_draft_bundles_all_open_charges() -> None:
    given(INVOICE, opened(), FIRST, SECOND).when(draft()).then(drafted(FIRST, SECOND))


def test_a_draft_bundles_the_charges_that_are_named_in_that_order() -> None:
    command = draft(charge_ids=(charge_id(3), charge_id(1)))
    third = captured(3, 7)
    given(INVOICE, opened(), FIRST, SECOND, third).when(command).then(drafted(third, FIRST))


def test_lines_lie_by_service_date_then_by_charge() -> None:
    late, early = captured(1), captured(2, effective_on=date(2025, 1, 1))
    also_late = captured(0)
    scenario = given(INVOICE, opened(), late, also_late, early)
    scenario.when(draft()).then(drafted(early, also_late, late))


def test_a_charge_that_is_on_a_draft_is_on_no_other() -> None:
    history = (opened(), FIRST, drafted(FIRST))
    other = draft(invoice_id=InvoiceId("inv_2"))
    given(INVOICE, *history).when(other).then_rejected(NothingToInvoice)
    named = draft(invoice_id=InvoiceId("inv_2"), charge_ids=(charge_id(1),))
    given(INVOICE, *history).when(named).then_rejected(ChargeNotOpen, "on an invoice already")


def test_an_account_without_open_charges_has_nothing_to_invoice() -> None:
    given(INVOICE, opened()).when(draft()).then_rejected(NothingToInvoice, "acc_1")
    given(INVOICE, opened()).when(draft(charge_ids=())).then_rejected(NothingToInvoice)


def test_charges_of_another_account_are_not_bundled() -> None:
    history = (opened(), opened(account_id=OTHER_ID, patient_id="p2"), FIRST)
    command = draft(account_id=OTHER_ID, charge_ids=(charge_id(1),))
    given(INVOICE, *history).when(command).then_rejected(NotFound)


def test_a_charge_is_named_once() -> None:
    command = draft(charge_ids=(charge_id(1), charge_id(1)))
    given(INVOICE, opened(), FIRST).when(command).then_rejected(Invalid, "twice")


def test_a_charge_that_is_not_there_is_not_bundled() -> None:
    command = draft(charge_ids=(charge_id(1), ChargeId("chg_9")))
    given(INVOICE, opened(), FIRST).when(command).then_rejected(NotFound, "no charge chg_9")


def test_an_account_that_is_not_there_has_no_invoice() -> None:
    given(INVOICE).when(draft()).then_rejected(NotFound, "no account")


def test_a_draft_is_of_the_accounts_facility_unless_it_names_one() -> None:
    (event,) = given(INVOICE, opened(), FIRST).when(draft(facility="south")).events
    assert isinstance(event, InvoiceDrafted)
    assert event.facility == "south"


def test_drafting_twice_is_a_retry_until_it_is_issued() -> None:
    history = (opened(), FIRST, drafted(FIRST))
    given(INVOICE, *history).when(draft()).then_nothing()
    named = draft(charge_ids=(charge_id(1),), facility="north")
    given(INVOICE, *history).when(named).then_nothing()
    given(INVOICE, *history, issued(FIRST)).when(draft()).then_rejected(AlreadyExists)


@pytest.mark.parametrize(
    "other", [{"charge_ids": (charge_id(2),)}, {"charge_ids": ()}, {"facility": "south"}]
)
def test_another_draft_under_the_same_id_is_refused(other: dict[str, Any]) -> None:
    history = (opened(), FIRST, SECOND, drafted(FIRST))
    given(INVOICE, *history).when(draft(**other)).then_rejected(AlreadyExists, "with other content")


def test_an_invoice_is_due_on_a_day_of_the_calendar() -> None:
    calendar = Calendar(sealed_through=date(9999, 12, 1))
    scenario = given(INVOICE, opened(), FIRST, drafted(FIRST), calendar=calendar)
    scenario.book.counters["invoice/north/9999"] = 0
    (event,) = scenario.when(issue(due_days=29)).events
    assert isinstance(event, InvoiceIssued)
    assert event.due_on == date.max
    scenario.when(issue(due_days=30)).then_rejected(Invalid, "beyond 9999-12-31")


def test_a_draft_of_another_account_is_none_of_this_one() -> None:
    history = (opened(), opened(account_id=OTHER_ID, patient_id="p2"), FIRST, drafted(FIRST))
    command = draft(account_id=OTHER_ID)
    given(INVOICE, *history).when(command).then_rejected(AlreadyExists, "another account")


@pytest.mark.parametrize(("count", "events"), [(500, 1), (501, 2), (1_201, 3)])
def test_many_lines_come_in_parts_of_one_command(count: int, events: int) -> None:
    charges = [captured(number, 100) for number in range(count)]
    scenario = given(INVOICE, opened(), *charges)
    decided = scenario.when(draft()).events
    first = decided[0]
    assert isinstance(first, InvoiceDrafted)
    assert (len(decided), first.line_count, first.total) == (events, count, usd(100 * count))
    parts = [
        event.lines for event in decided if isinstance(event, InvoiceDrafted | InvoiceLinesAdded)
    ]
    assert len({line.charge_id for lines in parts for line in lines}) == count
    assert max(map(len, parts)) <= 500
    state = scenario.happened(*decided).book.states[INVOICE_ID]
    assert isinstance(state, Draft)
    assert len(state.charge_ids) == count


def test_issuing_freezes_number_total_due_date_and_lines() -> None:
    rules = TaxRules((TaxRule("vat", "south", "*", date(2000, 1, 1), None, 80_000),))
    second = captured(2, 500, 40, facility="south")
    history = (opened(), FIRST, second, drafted(FIRST, second))
    given(INVOICE, *history, tax_rules=rules).when(issue()).then(issued(FIRST, second))


def test_the_digest_is_over_the_charges_in_line_order() -> None:
    assert lines_digest([charge_id(1), charge_id(2)]) != lines_digest([charge_id(2), charge_id(1)])
    # printf 'chg_1\nchg_2\n' | sha256sum
    assert lines_digest([charge_id(1), charge_id(2)]).startswith("c5ca5fbd3930b432")


def test_an_invoice_is_issued_without_naming_the_account() -> None:
    given(INVOICE, opened(), FIRST, drafted(FIRST)).when(issue(account_id=None)).then(issued(FIRST))


def test_an_invoice_is_not_issued_under_another_account() -> None:
    history = (opened(), FIRST, drafted(FIRST))
    given(INVOICE, *history).when(issue(account_id=OTHER_ID)).then_rejected(NotFound, "acc_2")


def test_issuing_twice_is_a_retry_even_when_it_is_paid() -> None:
    history = (opened(), FIRST, drafted(FIRST), issued(FIRST))
    given(INVOICE, *history).when(issue()).then_nothing()
    given(INVOICE, *history, paid("pay_1")).when(issue()).then_nothing()


def test_an_invoice_that_is_issued_keeps_its_due_date_whatever_is_wished_for_later() -> None:
    history = (opened(), FIRST, drafted(FIRST), issued(FIRST))
    later = given(INVOICE, *history).when(issue(due_days=60))
    later.then_rejected(InvoiceIssuedBefore, "due 30 days")
    settled = given(INVOICE, *history, paid("pay_1")).when(issue(due_days=0))
    settled.then_rejected(InvoiceIssuedBefore, "north-2026-000001")


def test_a_repeat_is_told_by_less_where_an_older_release_kept_no_due_days() -> None:
    scenario = given(INVOICE, opened(), FIRST, drafted(FIRST), issued(FIRST))
    old = msgspec.structs.replace(scenario.book.states[INVOICE_ID], due_days=None)
    scenario.book.states[INVOICE_ID] = old
    scenario.when(issue(due_days=60)).then_nothing()


def test_an_invoice_that_is_not_there_is_not_issued() -> None:
    given(INVOICE, opened()).when(issue()).then_rejected(NotFound, "no invoice")


def test_an_invoice_over_nothing_is_paid_at_once() -> None:
    free = captured(1, 0)
    history = (opened(), free, drafted(free))
    outcome = given(INVOICE, *history).when(issue())
    outcome.then(issued(free), paid(INVOICE_ID))
    book = given(INVOICE, *history, *outcome.events).book
    assert isinstance(book.states[INVOICE_ID], Paid)
    assert book.open_items[ACCOUNT_ID] == {}


@pytest.mark.parametrize("days", [-1, DUE_DAYS_MAX + 1, 10**12])
def test_a_due_date_lies_within_reason(days: int) -> None:
    history = (opened(), FIRST, drafted(FIRST))
    given(INVOICE, *history).when(issue(due_days=days)).then_rejected(Invalid, "due_days")


@pytest.mark.parametrize("days", [0, 30, DUE_DAYS_MAX])
def test_a_due_date_lies_so_many_days_ahead(days: int) -> None:
    (event,) = given(INVOICE, opened(), FIRST, drafted(FIRST)).when(issue(due_days=days)).events
    assert isinstance(event, InvoiceIssued)
    assert (event.due_on - TODAY).days == days


def test_numbers_count_up_per_facility_and_local_year() -> None:
    calendar = Calendar(zones={"east": "Asia/Kabul"})
    new_year = datetime(2025, 12, 31, 20, tzinfo=UTC)  # 00:30 in Kabul
    scenario = given(INVOICE, opened(), at=new_year, calendar=calendar)
    numbers = []
    for number, facility in enumerate(("north", "east", "north", "east", "east")):
        charge = captured(number)
        named: dict[str, Any] = {"invoice_id": InvoiceId(f"inv_{number}")}
        scenario.happened(charge, drafted(charge, **named, facility=facility))
        (event,) = scenario.when(issue(**named)).events
        scenario.happened(event)
        assert isinstance(event, InvoiceIssued)
        numbers.append(event.number)
    assert numbers == [
        "north-2025-000001",
        "east-2026-000001",
        "north-2025-000002",
        "east-2026-000002",
        "east-2026-000003",
    ]


def test_a_refused_issue_draws_no_number() -> None:
    scenario = given(INVOICE, opened(), FIRST, drafted(FIRST))
    scenario.when(issue(due_days=-1)).then_rejected(Invalid)
    scenario.when(issue()).then(issued(FIRST))


def test_a_number_is_not_drawn_from_a_counter_that_was_not_locked() -> None:
    scenario = given(INVOICE, opened(), FIRST, drafted(FIRST))
    scenario.book.counters = {}
    with pytest.raises(KeyError):
        scenario.when(issue())
