"""Reversed charges: the exact mirror of the capture, once, and never while on an invoice."""

from collections import Counter
from typing import Any

import pytest

from contracts.charge import ChargeReversed
from contracts.private import Private
from domain.charge import CHARGE, ReverseCharge
from domain.invoice import INVOICE, CreateDraftInvoice
from domain.rejections import AlreadyExists, ChargeNotOpen, NotFound, NothingToInvoice
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    OTHER_ID,
    SERVICE_ON,
    TODAY,
    capture,
    captured,
    charge_id,
    drafted,
    issued,
    opened,
    paid,
    usd,
)
from tests.fixtures.scenario import given

REASON = Private(subject="p1", sealed="AAEC")
CHARGED = captured(1, 10_000, 725, facility="south")


def reverse(**fields: Any) -> ReverseCharge:
    return ReverseCharge(
        **{"charge_id": charge_id(1), "account_id": ACCOUNT_ID, "reason": REASON, **fields}
    )


def reversed_() -> ChargeReversed:
    (event,) = given(CHARGE, opened(), CHARGED).when(reverse()).events
    assert isinstance(event, ChargeReversed)
    return event


def test_the_postings_of_a_reversal_mirror_those_of_the_charge() -> None:
    sums: Counter[str] = Counter()
    for event in (CHARGED, reversed_()):
        for posting in event.postings:
            sums[posting.gl_account] += posting.amount_minor
    assert set(sums.values()) == {0}
    assert [(p.gl_account, -p.amount_minor) for p in reversed_().postings] == [
        (p.gl_account, p.amount_minor) for p in CHARGED.postings
    ]


def test_a_reversal_counts_for_the_day_and_the_place_of_the_service() -> None:
    event = reversed_()
    assert (event.effective_on, event.booked_on, event.facility) == (SERVICE_ON, TODAY, "south")
    assert (event.net, event.tax, event.total) == (usd(10_000), usd(725), usd(10_725))


def test_a_reversed_charge_is_owed_no_more_and_on_no_invoice() -> None:
    scenario = given(INVOICE, opened(), CHARGED, reversed_())
    head = scenario.book.account(ACCOUNT_ID)
    assert (head.receivable_minor, head.version) == (0, 3)
    assert scenario.book.open_items[ACCOUNT_ID] == {}
    draft = CreateDraftInvoice(invoice_id=INVOICE_ID, account_id=ACCOUNT_ID)
    scenario.when(draft).then_rejected(NothingToInvoice)
    named = CreateDraftInvoice(
        invoice_id=INVOICE_ID, account_id=ACCOUNT_ID, charge_ids=(charge_id(1),)
    )
    scenario.when(named).then_rejected(ChargeNotOpen, "was reversed")


def test_a_charge_is_reversed_once() -> None:
    scenario = given(CHARGE, opened(), CHARGED, reversed_())
    scenario.when(reverse()).then_nothing()  # the very same command
    other = reverse(reason=Private(subject="p1", sealed="AwQF"))
    scenario.when(other).then_rejected(ChargeNotOpen, "reversed already")


@pytest.mark.parametrize("upto", [1, 2, 3])
def test_a_charge_on_an_invoice_is_not_reversed_be_it_draft_issued_or_paid(upto: int) -> None:
    invoice = (drafted(CHARGED), issued(CHARGED), paid("pay_1"))[:upto]
    given(CHARGE, opened(), CHARGED, *invoice).when(reverse()).then_rejected(
        ChargeNotOpen, "on an invoice"
    )


def test_only_a_charge_that_is_there_is_reversed_and_on_its_own_account() -> None:
    given(CHARGE, opened()).when(reverse()).then_rejected(NotFound)
    others = opened(account_id=OTHER_ID, patient_id="p2")
    scenario = given(CHARGE, opened(), others, CHARGED)
    scenario.when(reverse(account_id=OTHER_ID)).then_rejected(NotFound, "acc_2")


def test_a_free_charge_is_reversed_without_postings() -> None:
    (event,) = given(CHARGE, opened(), captured(1, 0)).when(reverse()).events
    assert isinstance(event, ChargeReversed)
    assert event.postings == ()


def test_capturing_what_was_reversed_is_a_retry_or_another_charge() -> None:
    """An encounter that is charged again after somebody reversed a charge of it goes on."""
    command = capture(10_000, facility="south")
    scenario = given(CHARGE, opened(), CHARGED, reversed_())
    scenario.when(command).then_nothing()
    other = capture(None, facility="south", code="99214")
    scenario.when(other).then_rejected(AlreadyExists)
