"""Adjustments: a receivable corrected for a named reason."""

from datetime import date
from typing import Any

import pytest

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.ids import AdjustmentId, InvoiceId, RemittanceId
from contracts.money import Money
from domain.adjustment import ADJUSTMENT, Applied, ApplyAdjustment
from domain.rejections import (
    AlreadyExists,
    CurrencyUnsupported,
    Invalid,
    InvoiceNotOutstanding,
    NotFound,
)
from domain.write_side import ItemKind
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    TODAY,
    adjusted,
    captured,
    opened,
    owed,
    paid,
    usd,
)
from tests.fixtures.scenario import given
from tests.unit.payments import part

INVOICE = InvoiceId("inv_1")


def adjust(minor: int = 1_000, **fields: Any) -> ApplyAdjustment:
    return ApplyAdjustment(
        **{
            "adjustment_id": AdjustmentId("adj_1"),
            "account_id": ACCOUNT_ID,
            "reason": AdjustmentReason.COURTESY,
            "direction": Direction.CREDIT,
            "amount": usd(minor),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("reason", "against"),
    [
        (AdjustmentReason.CONTRACTUAL, "4900"),
        (AdjustmentReason.COURTESY, "4910"),
        (AdjustmentReason.CORRECTION, "4910"),
        (AdjustmentReason.CHARITY, "6100"),
        (AdjustmentReason.BAD_DEBT, "6110"),
    ],
)
def test_the_reason_decides_the_account_of_the_other_side(
    reason: AdjustmentReason, against: str
) -> None:
    command = adjust(reason=reason, invoice_id=INVOICE)
    scenario = given(ADJUSTMENT, opened(), *owed(1, 10_000))
    scenario.when(command).then(adjusted(against, 1_000, reason=reason, invoice_id=INVOICE))


def test_a_debit_raises_what_is_owed() -> None:
    scenario = given(ADJUSTMENT, opened())
    outcome = scenario.when(adjust(direction=Direction.DEBIT))
    outcome.then(adjusted("4910", -1_000))
    assert scenario.happened(*outcome.events).book.account(ACCOUNT_ID).receivable_minor == 1_000


def test_an_invoice_that_is_adjusted_to_nothing_is_settled() -> None:
    scenario = given(ADJUSTMENT, opened(), *owed(1, 1_000))
    outcome = scenario.when(adjust(invoice_id=INVOICE))
    outcome.then(adjusted("4910", 1_000, invoice_id=INVOICE), paid("adj_1"))
    assert scenario.happened(*outcome.events).book.items(ACCOUNT_ID, ItemKind.INVOICE) == []


@pytest.mark.parametrize(
    ("direction", "left"), [(Direction.CREDIT, 9_000), (Direction.DEBIT, 11_000)]
)
def test_an_invoice_is_adjusted_in_part(direction: Direction, left: int) -> None:
    scenario = given(ADJUSTMENT, opened(), *owed(1, 10_000))
    events = scenario.when(adjust(direction=direction, invoice_id=INVOICE)).events
    assert len(events) == 1
    (item,) = scenario.happened(*events).book.items(ACCOUNT_ID, ItemKind.INVOICE)
    assert item.outstanding_minor == left


def test_no_more_is_credited_than_is_outstanding_on_the_invoice() -> None:
    scenario = given(ADJUSTMENT, opened(), *owed(1, 999))
    scenario.when(adjust(invoice_id=INVOICE)).then_rejected(Invalid, "9.99 outstanding")


def test_an_invoice_with_nothing_outstanding_is_not_adjusted() -> None:
    for direction in Direction:
        command = adjust(invoice_id=INVOICE, direction=direction)
        given(ADJUSTMENT, opened()).when(command).then_rejected(InvoiceNotOutstanding)


def test_a_credit_on_the_account_lowers_what_is_owed_longest() -> None:
    scenario = given(ADJUSTMENT, opened(), *owed(1, 1_000), *owed(2, 10_000))
    lowered = (part(INVOICE, 1_000), part(InvoiceId("inv_2"), 500))
    outcome = scenario.when(adjust(1_500))
    outcome.then(adjusted("4910", 1_500, allocations=lowered), paid("adj_1"))
    left = scenario.happened(*outcome.events).book.items(ACCOUNT_ID, ItemKind.INVOICE)
    assert [(item.item_id, item.outstanding_minor) for item in left] == [("inv_2", 9_500)]


def test_a_debit_on_the_account_is_owed_on_no_invoice_until_a_credit_takes_it() -> None:
    scenario = given(ADJUSTMENT, opened())
    scenario.happened(*scenario.when(adjust(1_500, direction=Direction.DEBIT)).events)
    (owed_,) = scenario.book.owed(ACCOUNT_ID)
    assert (owed_.kind, owed_.outstanding_minor, owed_.due_on) == (
        ItemKind.UNALLOCATED,
        1_500,
        TODAY,
    )
    second = AdjustmentId("adj_2")
    scenario.happened(*scenario.when(adjust(1_500, adjustment_id=second)).events)
    assert scenario.book.owed(ACCOUNT_ID) == []
    assert scenario.book.account(ACCOUNT_ID).receivable_minor == 0


def test_no_more_is_credited_than_the_account_is_asked_for() -> None:
    scenario = given(ADJUSTMENT, opened(), captured(1, 5_000), *owed(2, 999))
    scenario.when(adjust(1_000)).then_rejected(Invalid, "owes 9.99 USD on invoices")


@pytest.mark.parametrize("minor", [0, -1])
def test_the_direction_alone_says_the_sign(minor: int) -> None:
    given(ADJUSTMENT, opened()).when(adjust(minor)).then_rejected(Invalid, "positive")


def test_only_voiding_an_invoice_gives_its_own_reason() -> None:
    command = adjust(reason=AdjustmentReason.INVOICE_VOID)
    given(ADJUSTMENT, opened()).when(command).then_rejected(Invalid, "voiding")


def test_an_adjustment_is_in_the_accounts_currency() -> None:
    command = adjust(amount=Money.of(1, "EUR"))
    given(ADJUSTMENT, opened()).when(command).then_rejected(CurrencyUnsupported)


def test_an_account_that_is_not_there_is_not_adjusted() -> None:
    given(ADJUSTMENT).when(adjust()).then_rejected(NotFound)


def test_applying_twice_is_a_retry() -> None:
    given(ADJUSTMENT, opened(), adjusted("4910", 1_000)).when(adjust()).then_nothing()
    dated = adjusted("4910", 1_000, effective_on=date(2025, 1, 1))
    again = adjust(effective_on=date(2025, 1, 1))
    given(ADJUSTMENT, opened(), dated).when(again).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        {"amount": usd(999)},
        {"amount": Money.of(1_000, "EUR")},
        {"reason": AdjustmentReason.CHARITY},
        {"direction": Direction.DEBIT},
        {"effective_on": date(2025, 1, 1)},
        {"invoice_id": INVOICE},
        {"remittance_id": RemittanceId("rem_1")},
    ],
)
def test_another_adjustment_under_the_same_id_is_refused(other: dict[str, Any]) -> None:
    scenario = given(ADJUSTMENT, opened(), adjusted("4910", 1_000))
    scenario.when(adjust(**other)).then_rejected(AlreadyExists, "with other content")


def test_a_repeat_is_told_by_its_amount_where_an_older_release_kept_no_more() -> None:
    scenario = given(ADJUSTMENT, opened(), adjusted("4910", 1_000))
    scenario.book.states["adj_1"] = Applied(account_id=ACCOUNT_ID, amount_minor=1_000)
    scenario.when(adjust(reason=AdjustmentReason.CHARITY)).then_nothing()
    scenario.when(adjust(7)).then_rejected(AlreadyExists)


def test_an_adjustment_of_another_account_is_none_of_this_one() -> None:
    history = (
        opened(),
        opened(account_id=OTHER_ID, patient_id="p2"),
        adjusted("4910", 1_000),
    )
    given(ADJUSTMENT, *history).when(adjust(account_id=OTHER_ID)).then_rejected(AlreadyExists)


def test_an_adjustment_may_count_for_an_earlier_day() -> None:
    scenario = given(ADJUSTMENT, opened(), *owed(1, 10_000))
    (event,) = scenario.when(adjust(effective_on=date(2025, 1, 1))).events
    assert isinstance(event, AdjustmentApplied)
    assert (event.effective_on, event.booked_on) == (date(2025, 1, 1), TODAY)
