"""A worker killed between the gateway's answer and its booking loses and doubles nothing."""

import asyncio
import sys
from pathlib import Path

import msgspec
from prometheus_client import REGISTRY

from contracts.payment import PaymentPosted
from contracts.refund import RefundIssued
from domain.card import Initiated
from domain.payment import Posted
from domain.refund import Issued
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic
from tests.workflows.till import open_till
from tests.workflows.worker_process import WorkerArguments, working

ROOT = Path(__file__).parents[2]


def _given_back() -> float:
    """Refunds that this process heard of from a gateway."""
    labels = {"what": "refund", "answer": "refunded"}
    return REGISTRY.get_sample_value("daybook_gateway_answers_total", labels) or 0


async def test_money_taken_and_given_back_by_a_worker_that_was_killed_is_booked_once(
    arguments: WorkerArguments, temporal_address: str, clinic: Clinic
) -> None:
    arguments = msgspec.structs.replace(arguments, temporal_address=temporal_address)
    hanging = msgspec.structs.replace(arguments, hangs_after=("charge", "refund"))
    till = await open_till(clinic)
    refund_id = await till.ask_back(await till.paid("before"))
    await till.approve(refund_id)
    payment_id = await till.pay()

    async def both_hang() -> bool:
        return bool(
            await till.noted("charge", payment_id) and await till.noted("refund", refund_id)
        )

    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.workflows.worker_process", msgspec.json.encode(hanging).decode()),
        cwd=ROOT,
    )
    try:
        await until(both_hang)
    finally:
        victim.kill()
        await victim.wait()
    assert isinstance(await clinic.state(payment_id), Initiated)
    assert isinstance(await clinic.state(refund_id), Issued)
    before = _given_back()

    async def given_back() -> bool:
        return _given_back() > before

    async with working(arguments):
        await until(clinic.are([payment_id], Posted))
        await until(given_back)
    assert len(await till.noted("charge", payment_id)) == 1
    assert len(await till.noted("refund", refund_id)) == 1
    assert await clinic.count(PaymentPosted) == 2
    assert await clinic.count(RefundIssued) == 1
    assert await till.credit_minor() == 2 * 6_000 - 2_000
