"""Accounts: one per patient and currency."""

import pytest

from domain.account import ACCOUNT, Open, OpenAccount, evolve
from domain.rejections import AlreadyExists, CurrencyUnsupported
from tests.fixtures.clinic_events import ACCOUNT_ID, opened
from tests.fixtures.scenario import given

OPEN = OpenAccount(
    account_id=ACCOUNT_ID, patient_id="p1", name=None, facility="north", currency="USD"
)
OPEN_UNLESS_OPEN = OpenAccount(
    account_id=ACCOUNT_ID,
    patient_id="p1",
    name=None,
    facility="north",
    currency="USD",
    unless_open=True,
)


def test_an_account_is_opened() -> None:
    given(ACCOUNT).when(OPEN).then(opened())


def test_an_account_is_opened_once() -> None:
    given(ACCOUNT, opened()).when(OPEN).then_rejected(AlreadyExists, "patient p1")


def test_an_account_that_only_has_to_be_there_is_no_refusal() -> None:
    given(ACCOUNT, opened()).when(OPEN_UNLESS_OPEN).then_nothing()
    given(ACCOUNT).when(OPEN_UNLESS_OPEN).then(opened())


@pytest.mark.parametrize("currency", ["USD", "GEL", "AFN", "EUR", "GBP", "JPY", "BHD"])
def test_an_account_has_any_currency_of_the_standard(currency: str) -> None:
    command = OpenAccount(
        account_id=ACCOUNT_ID, patient_id="p1", name=None, facility="north", currency=currency
    )
    given(ACCOUNT).when(command).then(opened(currency=currency))


@pytest.mark.parametrize("currency", ["XXX", "usd", "US", "", "BTC"])
def test_an_account_has_no_currency_that_is_none(currency: str) -> None:
    command = OpenAccount(
        account_id=ACCOUNT_ID, patient_id="p1", name=None, facility="north", currency=currency
    )
    given(ACCOUNT).when(command).then_rejected(CurrencyUnsupported, "ISO 4217")


def test_an_open_account_knows_whose_it_is() -> None:
    assert evolve(None, opened()) == Open(patient_id="p1", currency="USD")


def test_a_new_account_owes_nothing() -> None:
    head = given(ACCOUNT, opened()).book.account(ACCOUNT_ID)
    assert (head.version, head.receivable_minor, head.credit_minor) == (1, 0, 0)
    assert (head.facility, head.currency, head.status) == ("north", "USD", "open")
