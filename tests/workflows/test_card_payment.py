"""CardPayment on a real Temporal server: money that the gateway took is in the books, once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from contracts.payment import PaymentFailed, PaymentPosted
from domain.card import Initiated
from domain.payment import Posted
from domain.payment_method import RemovePaymentMethod
from services.adapters.sandbox_gateway import DECLINED, LACKS_FUNDS, TIMES_OUT, SandboxGateway
from services.ports import GatewayMisconfigured, KeyReused
from services.sagas.card_charging import CardCharging
from services.sagas.messages import PayByCard
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic, ServedClinic
from tests.workflows.till import PATIENT, Silent, Till, open_till


def charging(clinic: Clinic, gateway: Any, *, look_first: bool = False) -> CardCharging:
    after = timedelta() if look_first else timedelta(hours=1)
    return CardCharging(clinic.executor, clinic.pool, gateway, look_first_after=after)


async def attempt(activity: CardCharging, till: Till, payment_id: str) -> None:
    work = PayByCard(tenant=till.clinic.tenant, payment_id=payment_id)
    await ActivityEnvironment().run(activity.charge, work)


async def test_a_card_that_pays_is_booked_under_the_gateways_name(
    busy_till: ServedClinic, till: Till
) -> None:
    payment_id = await till.pay()
    await busy_till.settle(busy_till.are([payment_id], Posted))
    (posted,) = await busy_till.events(PaymentPosted)
    assert posted.reference.startswith("pi_")
    assert await till.credit_minor() == 6_000


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (DECLINED, "generic_decline"),
        (LACKS_FUNDS, "insufficient_funds"),
        ("pm_no", "resource_missing"),
    ],
)
async def test_a_card_that_is_declined_fails_the_payment(
    busy_till: ServedClinic, till: Till, card: str, code: str
) -> None:
    await till.pay(card=card)
    await busy_till.settle(lambda: _some(busy_till, PaymentFailed))
    (failed,) = await busy_till.events(PaymentFailed)
    assert failed.code == code
    assert await busy_till.ledger() == {}


async def test_a_gateway_that_does_not_answer_is_asked_again_under_the_same_key(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    silent.unanswered = 3
    payment_id = await till.pay(card=TIMES_OUT)
    await busy_till.settle(busy_till.are([payment_id], Posted))
    assert set(silent.asked) == {("charge", payment_id)}
    assert len(await till.noted("charge", payment_id)) == 1
    assert await busy_till.count(PaymentPosted) == 1


async def test_many_cards_at_once_and_delivered_twice_are_charged_once_each(
    busy_till: ServedClinic, till: Till
) -> None:
    cards = ["pm_card_visa", TIMES_OUT, DECLINED] * 4
    payments = [await till.pay(f"p{n}", card) for n, card in enumerate(cards)]
    paid = [payment for payment, card in zip(payments, cards, strict=True) if card != DECLINED]
    await busy_till.deliver()
    busy_till.forget_deliveries()
    await busy_till.settle(busy_till.are(paid, Posted))
    await busy_till.settle(lambda: _some(busy_till, PaymentFailed, 4))
    assert await busy_till.count(PaymentPosted) == 8
    assert await till.credit_minor() == 8 * 6_000


async def test_a_saved_card_is_charged_also_when_it_was_removed_meanwhile(
    clinic: Clinic,
) -> None:
    till = await open_till(clinic)
    method_id = await till.save()
    payment_id = await till.pay(payment_method_id=method_id)
    await clinic.execute(
        RemovePaymentMethod(payment_method_id=method_id, account_id=till.account_id)
    )
    await attempt(charging(clinic, SandboxGateway(clinic.pool)), till, payment_id)
    assert isinstance(await clinic.state(payment_id), Posted)


async def test_attempts_at_once_and_after_the_end_book_it_once(clinic: Clinic) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()
    activity = charging(clinic, SandboxGateway(clinic.pool))
    await asyncio.gather(*(attempt(activity, till, payment_id) for _ in range(4)))
    await attempt(activity, till, payment_id)
    assert await clinic.count(PaymentPosted) == 1
    assert await till.credit_minor() == 6_000


async def test_after_hours_the_gateway_is_looked_at_before_it_is_asked_again(
    clinic: Clinic, silent: Silent
) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()
    silent.unanswered = 1
    with pytest.raises(ApplicationError, match="nobody hears"):
        await attempt(charging(clinic, silent), till, payment_id)
    await attempt(charging(clinic, silent, look_first=True), till, payment_id)
    assert [call for call, _ in silent.asked] == ["charge", "find_charge"]
    assert isinstance(await clinic.state(payment_id), Posted)


async def test_a_payment_that_the_gateway_does_not_have_after_hours_is_asked_for(
    clinic: Clinic, silent: Silent
) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()
    await attempt(charging(clinic, silent, look_first=True), till, payment_id)
    assert [call for call, _ in silent.asked] == ["find_charge", "charge"]
    assert isinstance(await clinic.state(payment_id), Posted)


async def test_of_a_forgotten_person_no_card_is_charged_but_what_was_taken_is_booked(
    clinic: Clinic, silent: Silent
) -> None:
    till = await open_till(clinic)
    lost, never = await till.pay("lost"), await till.pay("never")
    silent.unanswered = 1
    with pytest.raises(ApplicationError, match="nobody hears"):
        await attempt(charging(clinic, silent), till, lost)
    await clinic.admin.execute("DELETE FROM subject_keys WHERE subject_id = $1", PATIENT)
    for payment_id in (lost, never):
        # Soon after, the gateway's search may not have it yet: nothing is concluded.
        with pytest.raises(ApplicationError, match="key of the payment method was deleted"):
            await attempt(charging(clinic, silent), till, payment_id)
        await attempt(charging(clinic, silent, look_first=True), till, payment_id)
    assert isinstance(await clinic.state(lost), Posted)
    (failed,) = await clinic.events(PaymentFailed)
    assert (failed.payment_id, failed.code) == (never, "payment_method_forgotten")


@pytest.mark.parametrize("fault", [GatewayMisconfigured("no key"), KeyReused("other content")])
async def test_a_fault_of_ours_or_of_an_operator_concludes_nothing(
    clinic: Clinic, fault: Exception
) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()

    class Faulty:
        async def charge(self, *_asked: Any) -> Any:
            raise fault

    with pytest.raises(ApplicationError, match=type(fault).__name__) as raised:
        await attempt(charging(clinic, Faulty()), till, payment_id)
    assert not raised.value.non_retryable
    state = await clinic.state(payment_id)
    assert isinstance(state, Initiated)
    assert state.failed is None


async def test_money_that_cannot_be_booked_is_tried_again_until_it_can(clinic: Clinic) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()
    await clinic.admin.execute(
        "INSERT INTO tenant_settings (tenant, sealed_through) VALUES ($1, 'infinity')"
        " ON CONFLICT (tenant) DO UPDATE SET sealed_through = 'infinity'",
        clinic.tenant,
    )
    activity = charging(clinic, SandboxGateway(clinic.pool))
    with pytest.raises(ApplicationError, match="STATE_CONFLICT"):
        await attempt(activity, till, payment_id)
    await clinic.admin.execute("UPDATE tenant_settings SET sealed_through = NULL")
    await attempt(activity, till, payment_id)
    assert isinstance(await clinic.state(payment_id), Posted)


async def test_a_second_name_of_one_payment_is_refused_loudly(clinic: Clinic) -> None:
    till = await open_till(clinic)
    payment_id = await till.pay()
    sandbox = SandboxGateway(clinic.pool)
    slow, fast = Held(sandbox), charging(clinic, sandbox)
    late = asyncio.ensure_future(attempt(charging(clinic, slow), till, payment_id))
    await until(lambda: _is_set(slow.asked))
    await attempt(fast, till, payment_id)
    slow.answer.set()
    with pytest.raises(ApplicationError, match="IDEMPOTENCY_KEY_REUSED"):
        await late
    assert await clinic.count(PaymentPosted) == 1


class Held:
    """A gateway that answers late, with another name."""

    def __init__(self, sandbox: SandboxGateway) -> None:
        self._sandbox = sandbox
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def charge(self, payment_id: str, amount: Any, method: str, _key: str) -> Any:
        self.asked.set()
        await self.answer.wait()
        return await self._sandbox.charge(payment_id, amount, method, "another key")


async def _is_set(event: asyncio.Event) -> bool:
    return event.is_set()


async def _some(clinic: Clinic, type_: Any, count: int = 1) -> bool:
    return await clinic.count(type_) == count
