"""Both payment gateways keep one contract: the sandbox, and Stripe over HTTP."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from contracts.money import Money
from services.adapters.sandbox_gateway import TIMES_OUT, SandboxGateway
from services.adapters.stripe import Stripe
from services.adapters.stripe_calls import StripeCalls, stripe_outbound
from services.card_numbers import CardNumberRefused
from services.embedded.addresses import Addresses
from services.ports import (
    Declined,
    KeyReused,
    PaymentGateway,
    Refunded,
    RefundRefused,
    SavedMethod,
    Taken,
    Unknown,
)
from services.settings import Secret
from tests.fixtures.databases import a_database
from tests.fixtures.fake_stripe import LOST, SECRET, FakeStripe
from tests.fixtures.http_server import http_server

VISA = "pm_card_visa"
TEN = Money.of(1_000, "USD")


class Subject(NamedTuple):
    """A gateway, another process's client of it, and its card whose first answer is lost."""

    gateway: PaymentGateway
    other: PaymentGateway
    lost: str


@pytest.fixture(params=["sandbox", "stripe"])
async def subject(request: pytest.FixtureRequest, stack: Addresses) -> AsyncIterator[Subject]:
    if request.param == "sandbox":
        async with a_database(stack) as database:
            pools = [await database.pool("daybook_writer") for _ in range(2)]
            yield Subject(SandboxGateway(pools[0]), SandboxGateway(pools[1]), TIMES_OUT)
        return
    with http_server(FakeStripe().respond) as server:
        async with (
            stripe_outbound(Secret(SECRET), server.url) as one,
            stripe_outbound(Secret(SECRET), server.url) as two,
        ):
            yield Subject(Stripe(StripeCalls(one)), Stripe(StripeCalls(two)), LOST)


async def test_a_card_pays_once_per_key(subject: Subject) -> None:
    first = await subject.gateway.charge("pay_1", TEN, VISA, "pay_1")
    assert isinstance(first, Taken)
    assert await subject.other.charge("pay_1", TEN, VISA, "pay_1") == first
    assert await subject.gateway.find_charge("pay_1") == first
    second = await subject.gateway.charge("pay_2", TEN, VISA, "pay_2")
    assert isinstance(second, Taken)
    assert second.reference != first.reference


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_1NoSuchMethod", "resource_missing"),
    ],
)
async def test_a_declined_card_stays_declined_under_its_key(
    subject: Subject, method: str, code: str
) -> None:
    for gateway in (subject.gateway, subject.other):
        declined = await gateway.charge("pay_1", TEN, method, "pay_1")
        assert isinstance(declined, Declined)
        assert declined.code == code


async def test_money_whose_answer_was_lost_is_found_by_asking_again(subject: Subject) -> None:
    assert isinstance(await subject.gateway.charge("pay_1", TEN, subject.lost, "pay_1"), Unknown)
    found = await subject.other.find_charge("pay_1")
    assert isinstance(found, Taken)
    refunded = await subject.gateway.refund("rfd_1", found.reference, TEN, "rfd_1")
    assert isinstance(refunded, Refunded)


async def test_a_payment_that_was_never_asked_for_is_not_found(subject: Subject) -> None:
    assert await subject.gateway.find_charge("pay_1") is None


async def test_a_key_with_other_content_concludes_nothing(subject: Subject) -> None:
    await subject.gateway.charge("pay_1", TEN, VISA, "key")
    with pytest.raises(KeyReused):
        await subject.gateway.charge("pay_1", Money.of(2_000, "USD"), VISA, "key")
    with pytest.raises(KeyReused):
        await subject.gateway.refund("rfd_1", "pi_1", TEN, "key")


async def test_no_more_is_given_back_than_was_taken(subject: Subject) -> None:
    taken = await subject.gateway.charge("pay_1", TEN, VISA, "pay_1")
    assert isinstance(taken, Taken)
    part = Money.of(600, "USD")
    first = await subject.gateway.refund("rfd_1", taken.reference, part, "rfd_1")
    assert isinstance(first, Refunded)
    assert await subject.other.refund("rfd_1", taken.reference, part, "rfd_1") == first
    refused = await subject.gateway.refund("rfd_2", taken.reference, part, "rfd_2")
    assert isinstance(refused, RefundRefused)
    assert refused.code == "charge_already_refunded"
    rest = await subject.gateway.refund("rfd_3", taken.reference, Money.of(400, "USD"), "rfd_3")
    assert isinstance(rest, Refunded)


async def test_a_refund_may_fail_for_good(subject: Subject) -> None:
    taken = await subject.gateway.charge("pay_1", TEN, "pm_card_refundFail", "pay_1")
    assert isinstance(taken, Taken)
    for gateway in (subject.gateway, subject.other):
        refused = await gateway.refund("rfd_1", taken.reference, TEN, "rfd_1")
        assert isinstance(refused, RefundRefused)
        assert refused.code == "expired_or_canceled_card"
    missing = await subject.gateway.refund("rfd_2", "pi_none", TEN, "rfd_2")
    assert isinstance(missing, RefundRefused)
    assert missing.code == "resource_missing"


async def test_what_became_of_a_refund_is_found_whenever_it_is_asked(subject: Subject) -> None:
    taken = await subject.gateway.charge("pay_1", TEN, VISA, "pay_1")
    fails = await subject.gateway.charge("pay_2", TEN, "pm_card_refundFail", "pay_2")
    assert isinstance(taken, Taken)
    assert isinstance(fails, Taken)
    for reference in (taken.reference, "pi_none"):
        assert await subject.gateway.find_refund("rfd_1", reference) is None
    refunded = await subject.gateway.refund("rfd_1", taken.reference, TEN, "rfd_1")
    refused = await subject.gateway.refund("rfd_2", fails.reference, TEN, "rfd_2")
    assert await subject.other.find_refund("rfd_1", taken.reference) == refunded
    found = await subject.other.find_refund("rfd_2", fails.reference)
    assert isinstance(found, RefundRefused)
    assert isinstance(refused, RefundRefused)
    assert found.code == refused.code
    assert await subject.other.find_refund("rfd_3", taken.reference) is None


async def test_a_saved_method_pays_until_it_is_removed(subject: Subject) -> None:
    saved = await subject.gateway.save_method("acc_1", VISA, "save-1")
    assert isinstance(saved, SavedMethod)
    assert await subject.other.save_method("acc_1", VISA, "save-1") == saved
    assert (saved.brand, saved.last4) == ("visa", "4242")
    assert saved.expires[:2] == "20"
    assert len(saved.expires) == 7
    paid = await subject.gateway.charge("pay_1", TEN, saved.reference, "pay_1")
    assert isinstance(paid, Taken)
    for _ in range(2):
        assert await subject.gateway.remove_method(saved.reference) is None
    declined = await subject.gateway.charge("pay_2", TEN, saved.reference, "pay_2")
    assert isinstance(declined, Declined)
    assert declined.code == "resource_missing"


async def test_a_saved_card_keeps_its_manners(subject: Subject) -> None:
    saved = await subject.gateway.save_method("acc_1", "pm_card_visa_chargeDeclined", "s")
    assert isinstance(saved, SavedMethod)
    declined = await subject.gateway.charge("pay_1", TEN, saved.reference, "pay_1")
    assert isinstance(declined, Declined)


async def test_what_the_gateway_does_not_have_is_not_saved(subject: Subject) -> None:
    declined = await subject.gateway.save_method("acc_1", "pm_1None", "save-1")
    assert isinstance(declined, Declined)
    assert declined.code == "resource_missing"


@pytest.mark.parametrize(
    "number", ["4242424242424242", "pm_4242 4242 4242 4242", "3782-822463-10005"]
)
async def test_no_card_number_comes_in(subject: Subject, number: str) -> None:
    with pytest.raises(CardNumberRefused) as refused:
        await subject.gateway.charge("pay_1", TEN, number, "pay_1")
    assert "42" not in str(refused.value)
    with pytest.raises(CardNumberRefused):
        await subject.gateway.save_method("acc_1", number, "save-1")
