"""Each event as FHIR shows it: a valid resource, whatever the ledger allows in it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from contracts.account import AccountReinstated, AccountSuspended
from contracts.charge import ChargeReversed, ChargeTaxTruedUp
from contracts.event import Event
from contracts.ids import EncounterId, InvoiceId, PaymentId
from contracts.invoice import InvoiceVoided
from contracts.money import Money
from contracts.payment import Allocation, PaymentFailed
from services.fhir.mirror import SHOWN
from services.fhir.naming import position_of, with_literals
from services.fhir.showing import (
    Context,
    Seen,
    Shown,
    show_account,
    show_charge,
    show_invoice,
    show_payment,
)
from services.fhir.validating import validate
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    INVOICE_ID,
    TODAY,
    begun,
    captured,
    charge_id,
    drafted,
    issued,
    opened,
    paid,
    posted,
    sealed,
    usd,
)
from tests.fixtures.world import STARTED_AT

HERE = Context("demo", "p1")
CHARGE = captured(1, 10_000, 700)
BOOKED: dict[str, Any] = {
    "account_id": ACCOUNT_ID,
    "facility": "north",
    "currency": "USD",
    "effective_on": TODAY,
    "booked_on": TODAY,
}
SUSPENDED = AccountSuspended(account_id=ACCOUNT_ID, reason=sealed())
REINSTATED = AccountReinstated(account_id=ACCOUNT_ID, reason=sealed())
REVERSED = ChargeReversed(
    **BOOKED, charge_id=charge_id(1), reason=sealed(), net=usd(1), tax=usd(0), total=usd(1)
)
TRUED_UP = ChargeTaxTruedUp(
    account_id=ACCOUNT_ID,
    charge_id=charge_id(1),
    invoice_id=INVOICE_ID,
    tax_before=usd(700),
    tax=usd(800),
)
VOIDED = InvoiceVoided(
    **BOOKED,
    invoice_id=INVOICE_ID,
    number="north-2026-000001",
    voided_on=TODAY,
    reason=sealed(),
    total=usd(10_700),
    outstanding=usd(0),
    released=usd(10_700),
)
FAILED = PaymentFailed(
    account_id=ACCOUNT_ID, payment_id=PaymentId("pay_1"), amount=usd(5_000), code="card_declined"
)
PART = Allocation(invoice_id=INVOICE_ID, amount=usd(3_000))


def seen(*events: Event, since: int = 1) -> list[Seen]:
    return [Seen(number, STARTED_AT, event) for number, event in enumerate(events, since)]


def valid(shown: Shown | None) -> dict[str, Any]:
    """The resource, which a store takes as it is and with literal references."""
    assert shown is not None
    validate(shown.type, shown.resource)
    validate(shown.type, with_literals(shown.resource))
    assert position_of(shown.resource) == shown.position
    return shown.resource


ACCOUNTS: list[tuple[Sequence[Event], str]] = [
    ([opened()], "active"),
    ([opened(), SUSPENDED], "on-hold"),
    ([opened(), SUSPENDED, REINSTATED], "active"),
]
CHARGES: list[tuple[Sequence[Event], Sequence[Event], str]] = [
    ([CHARGE], [], "billable"),
    ([CHARGE], [drafted(CHARGE)], "billable"),
    ([CHARGE], [drafted(CHARGE), issued(CHARGE)], "billed"),
    ([CHARGE, TRUED_UP], [], "billed"),
    ([CHARGE, REVERSED], [], "aborted"),
    ([CHARGE, TRUED_UP], [drafted(CHARGE), issued(CHARGE), VOIDED], "aborted"),
]
INVOICES: list[tuple[Sequence[Event], str]] = [
    ([drafted(CHARGE)], "draft"),
    ([drafted(CHARGE), issued(CHARGE)], "issued"),
    ([drafted(CHARGE), issued(CHARGE), paid("pay_1")], "balanced"),
    ([drafted(CHARGE), issued(CHARGE), paid("pay_1"), VOIDED], "cancelled"),
    ([issued()], "issued"),
]
PAYMENTS: list[tuple[Sequence[Event], str, str]] = [
    ([begun(5_000)], "active", "queued"),
    ([begun(5_000), FAILED], "cancelled", "error"),
    ([begun(5_000), posted(5_000, PART)], "active", "complete"),
    ([begun(5_000), FAILED, posted(5_000, PART)], "active", "complete"),
    ([posted(5_000)], "active", "complete"),
]


@pytest.mark.parametrize(("events", "status"), ACCOUNTS)
def test_an_account_stands_where_its_events_left_it(events: Sequence[Event], status: str) -> None:
    found = valid(show_account(HERE, ACCOUNT_ID, seen(*events)))
    assert found["status"] == status
    assert found["subject"] == [
        {"type": "Patient", "identifier": {"system": "urn:daybook:demo:patient", "value": "p1"}}
    ]


@pytest.mark.parametrize(("events", "invoice", "status"), CHARGES)
def test_a_charge_stands_where_it_and_its_invoice_are(
    events: Sequence[Event], invoice: Sequence[Event], status: str
) -> None:
    shown = show_charge(HERE, charge_id(1), seen(*events), seen(*invoice, since=10))
    found = valid(shown)
    assert found["status"] == status
    assert found["priceOverride"] == {"value": Decimal("100.00"), "currency": "USD"}
    assert shown is not None
    assert shown.position == (9 + len(invoice) if invoice else len(events))


@pytest.mark.parametrize(("events", "status"), INVOICES)
def test_an_invoice_stands_where_its_events_left_it(events: Sequence[Event], status: str) -> None:
    found = valid(show_invoice(HERE, INVOICE_ID, seen(*events), {}))
    assert found["status"] == status


@pytest.mark.parametrize(("events", "status", "outcome"), PAYMENTS)
def test_a_payment_stands_where_its_events_left_it(
    events: Sequence[Event], status: str, outcome: str
) -> None:
    found = valid(show_payment(HERE, "pay_1", seen(*events)))
    assert (found["status"], found["outcome"]) == (status, outcome)
    if events[-1:] == [posted(5_000, PART)]:
        assert found["detail"][0]["amount"] == {"value": Decimal("30.00"), "currency": "USD"}


def test_every_event_that_is_shown_is_in_the_cases_above() -> None:
    histories = [*(e for e, *_ in ACCOUNTS), *(e for e, *_ in INVOICES), *(e for e, *_ in PAYMENTS)]
    histories += [part for events, invoice, _ in CHARGES for part in (events, invoice)]
    shapes = {type(event).__name__ for events in histories for event in events}
    assert {shape.__name__ for shape in SHOWN} - shapes == {"InvoiceLinesAdded"}


def test_lines_carry_the_final_tax() -> None:
    history = seen(drafted(CHARGE), issued(CHARGE))
    (line,) = valid(show_invoice(HERE, INVOICE_ID, history, {charge_id(1): usd(800)}))["lineItem"]
    assert [part["amount"]["value"] for part in line["priceComponent"]] == [
        Decimal("100.00"),
        Decimal("8.00"),
    ]
    (plain,) = valid(show_invoice(HERE, INVOICE_ID, history, {}))["lineItem"]
    assert plain["priceComponent"][1]["amount"]["value"] == Decimal("7.00")


@pytest.mark.parametrize("currency", ["JPY", "BHD", "AFN"])
def test_amounts_have_the_digits_of_their_currency(currency: str) -> None:
    charge = captured(1, 123_456, currency=currency)
    found = valid(show_charge(HERE, charge_id(1), seen(charge)))
    assert str(found["priceOverride"]["value"]) == Money.of(123_456, currency).amount


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "two  spaces", "system": "urn:x"},
        {"code": "A", "system": "not an uri"},
        {"code": "\N{ARABIC LETTER ALEF}", "system": "urn:x"},
        {"modifiers": ("25", "LT")},
        {"encounter_id": EncounterId("enc_1")},
        {"reference": "R" * 500},
    ],
)
def test_whatever_a_charge_is_called_it_is_a_valid_resource(fields: dict[str, Any]) -> None:
    valid(show_charge(HERE, charge_id(1), seen(captured(1, **fields))))


@pytest.mark.parametrize("patient_id", ["p1", "a b", "شماره ۷", "x" * 200, "a/b", "a|b,c$"])
def test_whatever_a_patient_is_called_the_reference_is_valid(patient_id: str) -> None:
    shown = show_account(Context("demo", patient_id), ACCOUNT_ID, seen(opened()))
    found = valid(shown)
    literal = with_literals(found)["subject"][0].get("reference")
    assert literal == ("Patient/p1" if patient_id == "p1" else None)


def test_nothing_is_shown_without_its_beginning() -> None:
    assert show_account(HERE, ACCOUNT_ID, seen(SUSPENDED)) is None
    assert show_charge(HERE, charge_id(1), seen(REVERSED)) is None
    assert show_invoice(HERE, InvoiceId("inv_1"), seen(VOIDED), {}) is None
