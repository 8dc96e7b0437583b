"""Payment methods: saved once, removed once, and charged only while they are saved."""

from typing import Any

import pytest

from contracts.ids import PaymentId, PaymentMethodId
from contracts.payment_method import PaymentMethodRemoved, PaymentMethodSaved
from contracts.private import Private
from domain.card import InitiateCardPayment
from domain.payment import PAYMENT
from domain.payment_method import PAYMENT_METHOD, RemovePaymentMethod, SavePaymentMethod
from domain.rejections import AlreadyExists, NotFound, PaymentMethodGone
from tests.fixtures.clinic_events import ACCOUNT_ID, OTHER_ID, begun, opened, usd
from tests.fixtures.scenario import given

CARD = PaymentMethodId("pmt_1")
SEALED = Private(subject="p1", sealed="AAEC")
SAVED = PaymentMethodSaved(
    payment_method_id=CARD,
    account_id=ACCOUNT_ID,
    reference=SEALED,
    brand="visa",
    last4=SEALED,
    expires="2031-04",
)
REMOVED = PaymentMethodRemoved(payment_method_id=CARD, account_id=ACCOUNT_ID)
REMOVE = RemovePaymentMethod(payment_method_id=CARD, account_id=ACCOUNT_ID)


def save(**fields: Any) -> SavePaymentMethod:
    return SavePaymentMethod(
        **{
            "payment_method_id": CARD,
            "account_id": ACCOUNT_ID,
            "reference": SEALED,
            "brand": "visa",
            "last4": SEALED,
            "expires": "2031-04",
            **fields,
        }
    )


def pay(**fields: Any) -> InitiateCardPayment:
    return InitiateCardPayment(
        **{
            "payment_id": PaymentId("pay_1"),
            "account_id": ACCOUNT_ID,
            "amount": usd(6_000),
            "payment_method_id": CARD,
            **fields,
        }
    )


def test_a_card_is_saved_and_again_changes_nothing() -> None:
    scenario = given(PAYMENT_METHOD, opened())
    scenario.when(save()).then(SAVED)
    other_seal = Private(subject="p1", sealed="AwQF")
    scenario.happened(SAVED).when(save(reference=other_seal, last4=other_seal)).then_nothing()


def test_another_card_under_the_same_id_is_refused() -> None:
    scenario = given(PAYMENT_METHOD, opened(), SAVED)
    scenario.when(save(brand="mastercard")).then_rejected(AlreadyExists)
    scenario.happened(REMOVED).when(save()).then_rejected(AlreadyExists)


def test_a_card_is_saved_on_an_account_that_there_is() -> None:
    given(PAYMENT_METHOD).when(save()).then_rejected(NotFound)


def test_a_card_is_removed_once() -> None:
    scenario = given(PAYMENT_METHOD, opened(), SAVED)
    scenario.when(REMOVE).then(REMOVED)
    scenario.happened(REMOVED).when(REMOVE).then_nothing()


@pytest.mark.parametrize("command", [REMOVE, pay()])
def test_a_card_that_there_is_not_is_neither_removed_nor_charged(command: Any) -> None:
    decider = PAYMENT if isinstance(command, InitiateCardPayment) else PAYMENT_METHOD
    given(decider, opened()).when(command).then_rejected(NotFound)


def test_a_card_of_another_account_is_neither_removed_nor_charged() -> None:
    other = opened(account_id=OTHER_ID, patient_id="p2")
    given(PAYMENT_METHOD, opened(), other, SAVED).when(
        RemovePaymentMethod(payment_method_id=CARD, account_id=OTHER_ID)
    ).then_rejected(NotFound)
    given(PAYMENT, opened(), other, SAVED).when(pay(account_id=OTHER_ID)).then_rejected(NotFound)


def test_a_saved_card_is_charged_until_it_is_removed() -> None:
    scenario = given(PAYMENT, opened(), SAVED)
    scenario.when(pay()).then(begun(6_000, payment_method_id=CARD))
    scenario.happened(REMOVED).when(pay()).then_rejected(PaymentMethodGone)
