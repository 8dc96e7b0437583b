"""What Stripe's answers mean, over HTTP: what is final, what is open, what an operator mends."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.money import Money
from services.adapters.stripe import Stripe
from services.adapters.stripe_calls import StripeCalls, stripe_outbound
from services.adapters.stripe_money import AmountNotTaken, stripe_amount
from services.cannot_run import CannotRun
from services.ports import Declined, GatewayMisconfigured, Refunded, SavedMethod, Taken, Unknown
from services.settings import Secret, Settings
from tests.fixtures.fake_stripe import SECRET, FakeStripe
from tests.fixtures.http_server import Reply, http_server

TEN = Money.of(1_000, "USD")
VISA = "pm_card_visa"


@asynccontextmanager
async def stripe_with(respond: Any, secret: str = SECRET) -> AsyncIterator[Stripe]:
    with http_server(respond) as server:
        async with stripe_outbound(Secret(secret), server.url) as outbound:
            yield Stripe(StripeCalls(outbound))


def error(status: int, type_: str = "api_error", **more: Any) -> Reply:
    return Reply(status, {"error": {"type": type_, "message": "no", **more}})


@pytest.mark.parametrize(
    "reply",
    [
        None,
        error(409, "idempotency_error", code="idempotency_key_in_use"),
        error(429, "invalid_request_error", code="rate_limit"),
        error(500),
        Reply(503, b"<html>"),
        Reply(200, b"[]"),
        Reply(200, b"{"),
        Reply(302, {}, {"Location": "http://127.0.0.1:9/"}),
    ],
    ids=range(8),
)
async def test_without_a_final_answer_it_stays_unknown(reply: Reply | None) -> None:
    async with stripe_with(lambda _: reply) as stripe:
        assert isinstance(await stripe.charge("pay_1", TEN, VISA, "pay_1"), Unknown)
        assert isinstance(await stripe.refund("rfd_1", "pi_1", TEN, "rfd_1"), Unknown)
        assert isinstance(await stripe.save_method("acc_1", VISA, "k"), Unknown)
        assert isinstance(await stripe.remove_method("cus_1/pm_1"), Unknown)


async def test_a_server_error_that_the_key_keeps_is_looked_up() -> None:
    fake = FakeStripe()
    async with stripe_with(fake.respond) as stripe:
        fake.fail_next = [error(500)]
        taken = await stripe.charge("pay_1", TEN, VISA, "pay_1")
        assert isinstance(taken, Taken)
        fake.fail_next = [error(500)]
        refunded = await stripe.refund("rfd_1", taken.reference, TEN, "rfd_1")
        assert isinstance(refunded, Refunded)
    assert len(fake.intents) == len(fake.refunds) == 1


async def test_what_was_processing_is_looked_at_and_not_answered_from_the_key() -> None:
    async with stripe_with(FakeStripe().respond) as stripe:
        answer = await stripe.charge("pay_1", TEN, "pm_fake_processing", "pay_1")
    assert isinstance(answer, Taken)


async def test_a_bank_that_wants_to_ask_the_customer_declines() -> None:
    async with stripe_with(FakeStripe().respond) as stripe:
        answer = await stripe.charge("pay_1", TEN, "pm_card_authenticationRequired", "pay_1")
        assert isinstance(answer, Declined)
        assert answer.code == "authentication_required"
        assert await stripe.find_charge("pay_1") == answer


async def test_what_a_setup_intent_made_is_saved() -> None:
    fake = FakeStripe()
    fake.setups["seti_1"] = {"status": "succeeded", "payment_method": VISA, "customer": None}
    fake.setups["seti_2"] = {"status": "requires_action"}
    fake.methods["pm_9"] = {
        "id": "pm_9",
        "customer": "cus_9",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2031},
    }
    fake.setups["seti_3"] = {"status": "succeeded", "payment_method": "pm_9", "customer": "cus_9"}
    async with stripe_with(fake.respond) as stripe:
        assert isinstance(await stripe.save_method("acc_1", "seti_1", "a"), SavedMethod)
        assert isinstance(await stripe.save_method("acc_1", "seti_2", "b"), Declined)
        saved = await stripe.save_method("acc_1", "seti_3", "c")
    assert isinstance(saved, SavedMethod)
    assert (saved.reference, saved.expires) == ("cus_9/pm_9", "2031-01")


@pytest.mark.parametrize("id_", ["../refunds", "pm_1?x", "pm 1", "", "pm_é", "p" * 300])
async def test_what_can_be_no_id_reaches_no_path(id_: str) -> None:
    fake = FakeStripe()
    async with stripe_with(fake.respond) as stripe:
        assert isinstance(await stripe.save_method("acc_1", id_, "k"), Declined)
        assert await stripe.remove_method(id_) is None


async def test_a_wrong_key_is_for_an_operator_and_is_said_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sk_test_wrong_and_secret"
    async with stripe_with(FakeStripe().respond, secret) as stripe:
        with pytest.raises(GatewayMisconfigured) as refused:
            await stripe.charge("pay_1", TEN, VISA, "pay_1")
    assert secret not in str(refused.value) + caplog.text
    settings = Settings.from_environment({"DAYBOOK_STRIPE_KEY": secret})
    assert settings.stripe_key == secret
    assert secret not in repr(settings)
    for wrong in ("", "pk_test_1", "sk_test\n"):
        with pytest.raises(CannotRun, match="DAYBOOK_STRIPE_KEY"):
            stripe_outbound(Secret(wrong), "https://api.stripe.com")


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10.00", "USD", "1000"),
        ("500", "JPY", "500"),
        ("5", "ISK", "500"),
        ("5", "UGX", "500"),
        ("5.00", "MGA", "5"),
        ("1.230", "BHD", "1230"),
        ("12.34", "AFN", "1234"),
    ],
)
def test_amounts_are_told_in_the_units_of_stripe(amount: str, currency: str, units: str) -> None:
    assert stripe_amount(Money(amount=amount, currency=currency)) == units


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.234", "BHD"), ("5.01", "MGA"), ("0.00", "USD"), ("-1.00", "USD")]
)
async def test_amounts_that_stripe_does_not_take_are_refused(amount: str, currency: str) -> None:
    money = Money(amount=amount, currency=currency)
    with pytest.raises(AmountNotTaken):
        stripe_amount(money)
    async with stripe_with(FakeStripe().respond) as stripe:
        declined = await stripe.charge("pay_1", money, VISA, "pay_1")
    assert isinstance(declined, Declined)
    assert declined.code == "amount_not_supported"


async def test_a_refund_is_found_behind_the_first_page_of_its_payment() -> None:
    fake = FakeStripe()
    for number in range(205):
        fake.refunds[f"re_{number}"] = {
            "id": f"re_{number}",
            "payment_intent": "pi_1",
            "status": "succeeded",
            "metadata": {"refund_id": f"rfd_{number}"},
        }
    async with stripe_with(fake.respond) as stripe:
        assert await stripe.find_refund("rfd_204", "pi_1") == Refunded(reference="re_204")
        assert await stripe.find_refund("rfd_205", "pi_1") is None


async def test_a_refund_that_cannot_be_looked_for_is_unknown() -> None:
    async with stripe_with(lambda _: error(500)) as stripe:
        assert isinstance(await stripe.find_refund("rfd_1", "pi_1"), Unknown)
    missing = error(404, "invalid_request_error", code="resource_missing")
    async with stripe_with(lambda _: missing) as stripe:
        assert await stripe.find_refund("rfd_1", "pi_1") is None
