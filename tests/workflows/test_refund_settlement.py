"""RefundSettlement on a real Temporal server: decided, booked, made; taken back when it fails."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from contracts.refund import RefundFailed, RefundIssued
from domain.payment import Posted
from domain.refund import Declined, Failed, Issued
from services.adapters.sandbox_gateway import REFUND_FAILS, SandboxGateway
from services.sagas import workflow_ids
from services.sagas.messages import SettleRefund
from services.sagas.refunding import Refunding
from tests.workflows.clinic import Clinic, ServedClinic
from tests.workflows.till import Silent, Till, open_till


async def is_over(clinic: ServedClinic, refund_id: str) -> bool:
    own = workflow_ids.of_one("refund", clinic.tenant, refund_id)
    described = await clinic.client.get_workflow_handle(own).describe()
    return described.status is WorkflowExecutionStatus.COMPLETED


async def settled(clinic: ServedClinic, refund_id: str) -> None:
    await clinic.settle(lambda: is_over(clinic, refund_id))


async def test_a_refund_waits_for_its_approval_and_is_made_by_the_gateway(
    busy_till: ServedClinic, till: Till, skipping: WorkflowEnvironment, silent: Silent
) -> None:
    refund_id = await till.ask_back(await till.paid())
    await busy_till.deliver()
    await skipping.sleep(timedelta(days=90))
    assert not await is_over(busy_till, refund_id)
    assert silent.asked == []
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Issued)
    assert [each["answer"] for each in await till.noted("refund", refund_id)] == ["refunded"]
    assert await till.credit_minor() == 4_000
    own = workflow_ids.of_one("refund", busy_till.tenant, refund_id)
    history = await busy_till.client.get_workflow_handle(own).fetch_history()
    assert len(history.events) < 30


async def test_a_refund_that_is_rejected_moves_nothing(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    refund_id = await till.ask_back(await till.paid())
    await busy_till.deliver()
    await till.reject(refund_id)
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Declined)
    assert silent.asked == []
    assert await till.credit_minor() == 6_000


async def test_a_refund_below_the_threshold_goes_at_once(
    busy_till: ServedClinic, till: Till
) -> None:
    await busy_till.admin.execute(
        "INSERT INTO refund_thresholds (tenant, currency, below_minor) VALUES ($1, 'USD', 5000)",
        busy_till.tenant,
    )
    refund_id = await till.ask_back(await till.paid())
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Issued)
    assert len(await till.noted("refund", refund_id)) == 1


async def test_a_refund_that_fails_for_good_is_taken_back_to_the_cent(
    busy_till: ServedClinic, till: Till
) -> None:
    refund_id = await till.ask_back(await till.paid(card=REFUND_FAILS))
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Failed)
    (failed,) = await busy_till.events(RefundFailed)
    assert failed.code == "expired_or_canceled_card"
    assert await till.credit_minor() == 6_000


async def test_cash_is_given_back_by_hand_and_ends_with_the_entry(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    refund_id = await till.ask_back(await till.take_cash())
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Issued)
    assert silent.asked == []
    assert await till.credit_minor() == 4_000


async def test_a_gateway_that_does_not_answer_is_looked_at_and_gives_back_once(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    silent.unanswered = 2  # it was looked at in vain, and then asked without an answer
    payment_id = await till.paid()
    refund_id = await till.ask_back(payment_id)
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    assert {name for name, _ in silent.asked} == {"find_refund", "refund"}
    assert len(await till.noted("refund", refund_id)) == 1
    assert await busy_till.count(RefundIssued) == 1
    assert await till.credit_minor() == 4_000


async def test_events_that_come_again_give_nothing_back_twice(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    refund_id = await till.ask_back(await till.paid())
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    busy_till.forget_deliveries()
    await settled(busy_till, refund_id)
    assert [name for name, _ in silent.asked].count("refund") == 1
    assert await busy_till.count(RefundIssued) == 1


async def test_a_decision_before_the_request_was_delivered_is_seen(
    busy_till: ServedClinic, till: Till
) -> None:
    """Requests and decisions may be consumed by two workers, in any order."""
    refund_id = await till.ask_back(await till.paid())
    await till.approve(refund_id)
    requested, approved = [
        each for each in await busy_till.new_events() if each.stream_id == refund_id
    ]
    await busy_till.consumer.take([approved])
    await busy_till.consumer.take([requested])
    await settled(busy_till, refund_id)
    assert isinstance(await busy_till.state(refund_id), Issued)
    assert await till.credit_minor() == 4_000


async def test_attempts_at_once_and_between_booking_and_gateway_give_back_once(
    clinic: Clinic,
) -> None:
    till = await open_till(clinic)
    refund_id = await till.ask_back(await till.paid())
    await till.approve(refund_id)
    work = SettleRefund(tenant=clinic.tenant, refund_id=refund_id)
    sandbox = SandboxGateway(clinic.pool)
    unheard = Refunding(clinic.executor, clinic.pool, Silent(sandbox, 1))
    with pytest.raises(ApplicationError, match="nobody hears"):
        await ActivityEnvironment().run(unheard.settle, work)
    assert isinstance(await clinic.state(refund_id), Issued)
    heard = Refunding(clinic.executor, clinic.pool, sandbox)
    await asyncio.gather(*(ActivityEnvironment().run(heard.settle, work) for _ in range(4)))
    assert isinstance(await clinic.state(refund_id), Issued)
    assert len(await till.noted("refund", refund_id)) == 1
    assert await clinic.count(RefundIssued) == 1
    assert await till.credit_minor() == 4_000


async def test_what_a_gateway_took_is_given_back_after_its_payment_was_posted(
    busy_till: ServedClinic, till: Till
) -> None:
    payment_id = await till.pay()
    await busy_till.settle(busy_till.are([payment_id], Posted))
    refund_id = await till.ask_back(payment_id, minor=6_000)
    await till.approve(refund_id)
    await settled(busy_till, refund_id)
    assert await till.credit_minor() == 0
