"""Charges: priced, taxed, booked once."""

from datetime import date
from typing import Any

import msgspec
import pytest

from contracts.charge import ChargeCaptured, CodeStatus, PriceSource
from contracts.ids import EncounterId
from contracts.ledger import GlAccount, Posting
from contracts.money import MINOR_MAX, Money
from domain.book import Calendar
from domain.charge import CHARGE, CaptureCharge
from domain.rejections import (
    AccountSuspended,
    AlreadyExists,
    CurrencyUnsupported,
    Invalid,
    NotFound,
    PriceNotFound,
)
from domain.tax import TaxRule, TaxRules
from domain.write_side import AccountStatus
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    OTHER_ID,
    SERVICE_ON,
    TODAY,
    captured,
    charge_id,
    opened,
    price,
    published,
    usd,
)
from tests.fixtures.scenario import given

VAT = TaxRules((TaxRule("vat", "*", "*", date(2000, 1, 1), None, 72_500),))


def capture(**fields: Any) -> CaptureCharge:
    return CaptureCharge(
        **{
            "charge_id": charge_id(1),
            "account_id": ACCOUNT_ID,
            "facility": "north",
            "code": "99213",
            "system": "cpt",
            "quantity": 1,
            "service_on": SERVICE_ON,
            "currency": "USD",
            "unit_price": usd(10_000),
            **fields,
        }
    )


def captured_by(command: CaptureCharge, *events: Any, **book: Any) -> ChargeCaptured:
    (event,) = given(CHARGE, opened(), *events, **book).when(command).events
    assert isinstance(event, ChargeCaptured)
    return event


def test_a_charge_at_a_stated_price_says_so() -> None:
    given(CHARGE, opened()).when(capture()).then(captured())


def test_a_charge_without_a_price_takes_that_of_the_list_and_names_the_list() -> None:
    charge = captured_by(capture(unit_price=None), published(price()))
    assert (charge.unit_price, charge.price_source) == (usd(12_500), PriceSource.PRICE_LIST)
    assert charge.price_list_id == "prl_1"


def test_a_stated_price_wins_over_the_list() -> None:
    charge = captured_by(capture(), published(price()))
    assert (charge.unit_price, charge.price_list_id) == (usd(10_000), None)


def test_a_price_counts_by_the_day_of_the_service() -> None:
    prices = published(
        price(valid_to=date(2026, 1, 2)), price(valid_from=date(2026, 1, 3), unit_price=usd(1))
    )
    on_last, on_first = (
        captured_by(capture(unit_price=None, service_on=day), prices)
        for day in (date(2026, 1, 2), date(2026, 1, 3))
    )
    assert (on_last.unit_price, on_first.unit_price) == (usd(12_500), usd(1))


@pytest.mark.parametrize(
    "other",
    [
        {"facility": "south"},
        {"code": "99214"},
        {"unit_price": Money.of(1, "EUR")},
        {"valid_from": date(2026, 1, 3)},
        {"valid_to": date(2026, 1, 1)},
    ],
)
def test_a_charge_without_any_price_is_refused(other: dict[str, Any]) -> None:
    prices = published(price(**other))
    scenario = given(CHARGE, opened(), prices).when(capture(unit_price=None))
    scenario.then_rejected(PriceNotFound, "99213 at facility north in USD on 2026-01-02")


def test_quantity_tax_and_total_are_exact() -> None:
    charge = captured_by(capture(quantity=3, unit_price=usd(333)), tax_rules=VAT)
    # 9.99 at 7.25 % is 0.724275.
    assert (charge.net, charge.tax, charge.total) == (usd(999), usd(72), usd(1_071))
    assert (charge.tax_rule, charge.tax_rate_ppm) == ("vat", 72_500)
    assert charge.postings == (
        Posting(gl_account=GlAccount.RECEIVABLE, amount_minor=1_071),
        Posting(gl_account=GlAccount.REVENUE, amount_minor=-999),
        Posting(gl_account=GlAccount.TAX_PAYABLE, amount_minor=-72),
    )


def test_a_free_service_books_nothing() -> None:
    charge = captured_by(capture(unit_price=usd(0)))
    assert (charge.total, charge.postings) == (usd(0), ())


def test_what_the_caller_said_is_in_the_event() -> None:
    said = {
        "modifiers": ("25", "59"),
        "reference": "r-1",
        "encounter_id": EncounterId("enc_1"),
        "code_status": CodeStatus.VALIDATED,
    }
    charge = captured_by(capture(**said))
    assert {name: getattr(charge, name) for name in said} == said


def test_a_charge_counts_on_its_service_date_and_is_booked_on_the_local_day() -> None:
    kabul = Calendar(zones={"north": "Asia/Kabul"})
    charge = captured_by(capture(service_on=date(2025, 11, 3)), calendar=kabul)
    assert (charge.effective_on, charge.booked_on) == (date(2025, 11, 3), TODAY)


def test_capturing_twice_is_a_retry() -> None:
    given(CHARGE, opened(), captured()).when(capture()).then_nothing()
    checked = capture(code_status=CodeStatus.VALIDATED)
    given(CHARGE, opened(), captured()).when(checked).then_nothing()


def test_capturing_twice_by_the_price_list_is_a_retry_whatever_the_list_says_now() -> None:
    scenario = given(CHARGE, opened(), published(price()))
    scenario.happened(*scenario.when(capture(unit_price=None)).events)
    scenario.book.prices.windows.clear()
    scenario.when(capture(unit_price=None)).then_nothing()
    scenario.when(capture(unit_price=usd(12_500))).then_rejected(AlreadyExists)


@pytest.mark.parametrize(
    "other",
    [
        {"facility": "south"},
        {"code": "99214"},
        {"system": "hcpcs"},
        {"quantity": 2},
        {"service_on": TODAY},
        {"currency": "EUR"},
        {"modifiers": ("25",)},
        {"unit_price": usd(9_999)},
        {"unit_price": Money.of(10_000, "EUR")},
        {"unit_price": None},
        {"encounter_id": EncounterId("enc_1")},
        {"reference": "r-2"},
    ],
)
def test_another_charge_under_the_same_id_is_refused(other: dict[str, Any]) -> None:
    scenario = given(CHARGE, opened(), captured())
    scenario.when(capture(**other)).then_rejected(AlreadyExists, "with other content")


def test_a_repeat_is_told_by_less_where_an_older_release_kept_no_more() -> None:
    scenario = given(CHARGE, opened(), captured())
    state = scenario.book.states[charge_id(1)]
    scenario.book.states[charge_id(1)] = msgspec.structs.replace(state, asked=None)
    scenario.when(capture(reference="r-2")).then_nothing()
    scenario.when(capture(quantity=2)).then_rejected(AlreadyExists)


def test_a_charge_of_another_account_is_none_of_this_one() -> None:
    history = (opened(), opened(account_id=OTHER_ID, patient_id="p2"), captured())
    command = capture(account_id=OTHER_ID)
    given(CHARGE, *history).when(command).then_rejected(AlreadyExists, "another account")


def test_an_account_that_is_not_there_takes_no_charge() -> None:
    given(CHARGE).when(capture()).then_rejected(NotFound, "no account acc_1")


def test_a_suspended_account_takes_no_charge() -> None:
    scenario = given(CHARGE, opened())
    head = scenario.book.account(ACCOUNT_ID)
    scenario.book.accounts[ACCOUNT_ID] = msgspec.structs.replace(
        head, status=AccountStatus.SUSPENDED
    )
    scenario.when(capture()).then_rejected(AccountSuspended)


@pytest.mark.parametrize(
    ("fields", "why", "text"),
    [
        ({"quantity": 0}, Invalid, "quantity"),
        ({"quantity": -1}, Invalid, "quantity"),
        ({"unit_price": usd(-1)}, Invalid, "adjustment"),
        ({"currency": "EUR"}, CurrencyUnsupported, "is in USD, the charge in EUR"),
        ({"unit_price": Money.of(1, "EUR")}, CurrencyUnsupported, "unit price is in EUR"),
        ({"quantity": 2, "unit_price": usd(MINOR_MAX)}, Invalid, "is more than"),
        ({"quantity": 1_000_001}, Invalid, "from 1 to 1000000"),
        ({"quantity": 2**63, "unit_price": usd(0)}, Invalid, "from 1 to 1000000"),
    ],
)
def test_a_charge_that_contradicts_itself_is_refused(
    fields: dict[str, Any], why: Any, text: str
) -> None:
    given(CHARGE, opened()).when(capture(**fields)).then_rejected(why, text)


def test_the_greatest_charge_fits() -> None:
    charge = captured_by(capture(unit_price=usd(MINOR_MAX)))
    assert charge.total.minor == MINOR_MAX


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "300"), ("BHD", "0.300")])
def test_amounts_have_the_digits_of_their_currency(currency: str, amount: str) -> None:
    command = capture(currency=currency, quantity=3, unit_price=Money.of(100, currency))
    (event,) = given(CHARGE, opened(currency=currency)).when(command).events
    assert isinstance(event, ChargeCaptured)
    assert event.total == Money(amount=amount, currency=currency)


def test_a_captured_charge_is_owed_and_open() -> None:
    book = given(CHARGE, opened(), captured(minor=10_000, tax_minor=725)).book
    assert book.account(ACCOUNT_ID).receivable_minor == 10_725
    assert [item.outstanding_minor for item in book.open_items[ACCOUNT_ID].values()] == [10_725]
