"""ChargeFromEncounter when it crashes, or when somebody else works on the same things meanwhile."""

import asyncio
from typing import Final

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from contracts.charge import ChargeCaptured
from contracts.encounter import EncounterBilled, EncounterReceived
from contracts.ids import InvoiceId
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from domain.encounter import AttentionRequired, Billed
from domain.invoice import CreateDraftInvoice
from services.execute.attempt import LedgerUnavailable
from services.execute.executor import Executor
from services.sagas.charging import Charging
from services.sagas.messages import Encounters
from services.sagas.steps import TRY_AGAIN
from services.sagas.worker import make_worker
from tests.workflows.clinic import Clinic, ServedClinic
from tests.workflows.interrupted import Interrupted, Moment, crash

# Before and after each of the steps: capture, invoice, close.
MOMENTS: Final[list[tuple[int, Moment]]] = [
    (call, moment) for call in (1, 2, 3) for moment in ("before", "after")
]
ROUNDS_MAX = 5


async def _charge(clinic: Clinic, executor: Executor, encounter: EncounterReceived) -> bool:
    """Run the activity as Temporal would, again and again; whether the encounter is parked."""
    work = Encounters(tenant=clinic.tenant, encounter_ids=(encounter.encounter_id,))
    for _ in range(ROUNDS_MAX):
        try:
            charged = await ActivityEnvironment().run(Charging(executor, clinic.pool).charge, work)
        except ApplicationError as failed:
            if failed.type != TRY_AGAIN:
                raise
        else:
            return bool(charged.parked)
    raise AssertionError("it never comes to an end")


async def _check_billed_once(clinic: Clinic, encounter: EncounterReceived) -> None:
    """Every service has one charge, every charge one issued invoice, and the end names them all."""
    captured = [event.charge_id for event in await clinic.events(ChargeCaptured)]
    drafted = await clinic.events(InvoiceDrafted)
    issued = {event.invoice_id for event in await clinic.events(InvoiceIssued)}
    lines = [line.charge_id for draft in drafted for line in draft.lines]
    assert len(captured) == len(set(captured)) == len(encounter.services)
    assert sorted(lines) == sorted(captured)
    [billed] = await clinic.events(EncounterBilled)
    assert set(billed.invoice_ids) == {draft.invoice_id for draft in drafted} == issued


async def test_a_crash_at_any_step_changes_nothing(idle_clinic: ServedClinic) -> None:
    for call, moment in MOMENTS:
        clinic = idle_clinic.another()
        await clinic.publish(A=10_000, B=2_500)
        encounters = [clinic.encounter(f"e{number}", "A", "B") for number in range(3)]
        await clinic.record(*encounters)
        crashing = Interrupted(clinic.executor, call, moment, crash)
        async with make_worker(clinic.client, crashing, clinic.pool):
            await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))
        assert await clinic.count(ChargeCaptured) == 6, (call, moment)
        assert await clinic.count(InvoiceIssued) == 3, (call, moment)
        assert await clinic.count(EncounterBilled) == 3, (call, moment)


async def test_a_slow_worker_does_not_undo_a_faster_one(clinic: Clinic) -> None:
    """At any step of one worker, another parks, a person mends and resumes, and it is billed."""
    for call, moment in MOMENTS:
        await _overtaken(clinic.another(), call, moment)


async def _overtaken(clinic: Clinic, call: int, moment: Moment) -> None:
    await clinic.publish(A=10_000)
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)

    async def overtake() -> None:
        if await _charge(clinic, clinic.executor, encounter):
            await clinic.publish(LATER=700)
            await clinic.resume(encounter)
            assert not await _charge(clinic, clinic.executor, encounter)

    slow = Interrupted(clinic.executor, call, moment, overtake)
    await _charge(clinic, slow, encounter)
    await _check_billed_once(clinic, encounter)


async def test_a_price_that_comes_meanwhile_is_used_or_waits_for_the_resume(
    clinic: Clinic,
) -> None:
    for call, moment in MOMENTS:
        await _priced_meanwhile(clinic.another(), call, moment)


async def _priced_meanwhile(clinic: Clinic, call: int, moment: Moment) -> None:
    await clinic.publish(A=10_000)
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)

    async def mend_and_crash() -> None:
        await clinic.publish(LATER=700)
        await crash()

    interrupted = Interrupted(clinic.executor, call, moment, mend_and_crash)
    work = Encounters(tenant=clinic.tenant, encounter_ids=(encounter.encounter_id,))
    with pytest.raises(LedgerUnavailable):
        await ActivityEnvironment().run(Charging(interrupted, clinic.pool).charge, work)
    if await _charge(clinic, clinic.executor, encounter):
        await clinic.resume(encounter)
        assert not await _charge(clinic, clinic.executor, encounter)
    await _check_billed_once(clinic, encounter)


async def test_a_draft_without_the_price_that_came_meanwhile_is_not_taken_for_the_whole(
    clinic: Clinic,
) -> None:
    await clinic.publish(A=10_000)
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)
    captured, may_draft = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        captured.set()
        await may_draft.wait()

    early = asyncio.create_task(
        _charge(clinic, Interrupted(clinic.executor, 2, "before", pause), encounter)
    )
    await captured.wait()
    await clinic.publish(LATER=700)

    async def let_early_go() -> None:
        may_draft.set()
        assert await early

    if await _charge(clinic, Interrupted(clinic.executor, 2, "before", let_early_go), encounter):
        await clinic.resume(encounter)
        assert not await _charge(clinic, clinic.executor, encounter)
    await _check_billed_once(clinic, encounter)


async def test_crashes_while_prices_come_one_by_one_leave_an_invoice_each(clinic: Clinic) -> None:
    codes = ("A", "B", "C", "D", "E")
    encounter = clinic.encounter("e", *codes)
    await clinic.record(encounter)
    work = Encounters(tenant=clinic.tenant, encounter_ids=(encounter.encounter_id,))
    for code in codes:
        await clinic.publish(**{code: 10_000})
        crashing = Interrupted(clinic.executor, 3, "before", crash)
        with pytest.raises(LedgerUnavailable):
            await ActivityEnvironment().run(Charging(crashing, clinic.pool).charge, work)
    assert not await _charge(clinic, clinic.executor, encounter)
    await _check_billed_once(clinic, encounter)
    assert await clinic.count(InvoiceIssued) == len(codes)


async def test_charges_that_a_clerk_has_put_on_an_invoice_are_left_there(
    clinic: Clinic,
) -> None:
    await clinic.publish(A=10_000)
    encounter = clinic.encounter("e", "A")
    await clinic.record(encounter)
    clerks = InvoiceId("inv_01h455vb4pex5vsknk084sn02q")

    async def draft() -> None:
        account_id = clinic.account_id(encounter)
        await clinic.execute(CreateDraftInvoice(invoice_id=clerks, account_id=account_id))

    assert not await _charge(clinic, Interrupted(clinic.executor, 2, "before", draft), encounter)
    [drafted] = await clinic.events(InvoiceDrafted)
    assert drafted.invoice_id == clerks
    [billed] = await clinic.events(EncounterBilled)
    assert billed.invoice_ids == ()


async def test_an_encounter_that_is_not_there_fails_for_good(clinic: Clinic) -> None:
    await clinic.publish(A=10_000)
    encounter, unknown = clinic.encounter("e", "A"), clinic.encounter("unknown", "A")
    await clinic.record(encounter)
    work = Encounters(
        tenant=clinic.tenant, encounter_ids=(unknown.encounter_id, encounter.encounter_id)
    )
    with pytest.raises(ApplicationError, match="there is no encounter") as failed:
        await ActivityEnvironment().run(Charging(clinic.executor, clinic.pool).charge, work)
    assert failed.value.non_retryable
    assert isinstance(await clinic.state(encounter.encounter_id), Billed)


async def test_parked_encounters_are_named_again_by_a_repeat(clinic: Clinic) -> None:
    encounter = clinic.encounter("e", "UNKNOWN")
    await clinic.record(encounter)
    assert await _charge(clinic, clinic.executor, encounter)
    assert await _charge(clinic, clinic.executor, encounter)
    assert isinstance(await clinic.state(encounter.encounter_id), AttentionRequired)
