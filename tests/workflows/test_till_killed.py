"""A worker that is killed between the gateway's answer and its booking neither loses nor doubles."""

import asyncio
import sys
from pathlib import Path

import msgspec

from contracts.payment import PaymentPosted
from contracts.refund import RefundIssued
from domain.payment import Posted
from domain.refund import Issued
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic
from tests.workflows.till import Till, open_till
from tests.workflows.worker_process import WorkerArguments, working

ROOT = Path(__file__).parents[2]


async def killed_after(
    arguments: WorkerArguments, call: str, till: Till, kind: str, name: str
) -> None:
    """Have a worker of its own make this call of the gateway, and kill it while it waits."""
    hanging = msgspec.structs.replace(arguments, hangs_after=call)
    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.workflows.worker_process", msgspec.json.encode(hanging).decode()),
        cwd=ROOT,
    )

    async def made() -> bool:
        return bool(await till.noted(kind, name))

    try:
        await until(made)
    finally:
        victim.kill()
        await victim.wait()


async def test_money_taken_and_given_back_by_workers_that_were_killed_is_booked_once(
    arguments: WorkerArguments, temporal_address: str, clinic: Clinic
) -> None:
    arguments = msgspec.structs.replace(arguments, temporal_address=temporal_address)
    till = await open_till(clinic)
    payment_id = await till.pay()
    await killed_after(arguments, "charge", till, "charge", payment_id)
    assert not isinstance(await clinic.state(payment_id), Posted)
    async with working(arguments):
        await until(clinic.are([payment_id], Posted))
    refund_id = await till.ask_back(payment_id)
    await till.approve(refund_id)
    await killed_after(arguments, "refund", till, "refund", refund_id)
    assert isinstance(await clinic.state(refund_id), Issued)

    async def looked_up() -> bool:
        (pending,) = await till.noted("refund", refund_id)
        return bool(pending["answer"])

    async with working(arguments):
        await until(looked_up)
    assert len(await till.noted("charge", payment_id)) == 1
    assert len(await till.noted("refund", refund_id)) == 1
    assert await clinic.count(PaymentPosted) == 1
    assert await clinic.count(RefundIssued) == 1
    assert await till.credit_minor() == 4_000
