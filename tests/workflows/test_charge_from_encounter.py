"""ChargeFromEncounter on a real ledger and a real Temporal server."""

import asyncio
import base64
import re
from collections.abc import Sequence
from datetime import timedelta

import pytest

from contracts.account import AccountOpened
from contracts.charge import ChargeCaptured
from contracts.encounter import EncounterAttentionRequired, EncounterBilled, EncounterReceived
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from domain import naming
from domain.encounter import AttentionRequired, Billed
from services.sagas import workflow_ids
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic


async def test_encounters_become_charges_and_issued_invoices(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A", "B") for number in range(5)]
    await clinic.record(*encounters)
    await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))
    assert await clinic.count(AccountOpened) == 5
    assert await clinic.count(ChargeCaptured) == 10
    assert [issued.total.amount for issued in await clinic.events(InvoiceIssued)] == ["125.00"] * 5
    billed = await clinic.events(EncounterBilled)
    assert {(len(each.invoice_ids), each.charge_count) for each in billed} == {(1, 2)}
    ledger = await clinic.ledger()
    assert sum(minor for (gl, _), minor in ledger.items() if gl == "1100") == 62_500


async def test_the_same_events_again_change_nothing(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A") for number in range(3)]
    await clinic.record(*encounters)
    await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))
    before = await clinic.events()
    clinic.forget_deliveries()
    first, second, third = await clinic.new_events_of(EncounterReceived)
    # Delivered in other batches than before, so under other workflow ids.
    await clinic.consumer.take([first, second])
    await clinic.consumer.take([second, third])
    for one, other in ((first, second), (second, third)):
        named = workflow_ids.of_batch("encounter", clinic.tenant, one.position, other.position)
        await clinic.client.get_workflow_handle(named).result()
    assert await clinic.events() == before


async def test_overlapping_batches_at_the_same_time_do_everything_once(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A", "B") for number in range(12)]
    await clinic.record(*encounters)
    events = await clinic.new_events()
    await asyncio.gather(*(clinic.consumer.take(events[n : n + 6]) for n in range(0, 12, 2)))
    await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))
    assert await clinic.count(ChargeCaptured) == 24
    assert await clinic.count(InvoiceIssued) == 12
    assert await clinic.count(EncounterBilled) == 12


async def test_what_has_no_price_is_parked_and_the_rest_is_invoiced(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    good, bad = clinic.encounter("good", "A"), clinic.encounter("bad", "A", "UNKNOWN", "B")
    await clinic.record(good, bad)
    await clinic.settle(clinic.are([bad.encounter_id], AttentionRequired))
    await clinic.settle(clinic.are([good.encounter_id], Billed))
    [parked] = await clinic.events(EncounterAttentionRequired)
    assert [(problem.line, problem.code) for problem in parked.problems] == [(1, "PRICE_NOT_FOUND")]
    totals = [issued.total.amount for issued in await clinic.events(InvoiceIssued)]
    assert sorted(totals) == ["100.00", "125.00"]


async def test_a_mended_encounter_is_finished_on_a_second_invoice(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
    await clinic.publish(LATER=700)
    await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    issued = await clinic.events(InvoiceIssued)
    assert [invoice.total.amount for invoice in issued] == ["100.00", "7.00"]
    [billed] = await clinic.events(EncounterBilled)
    assert billed.invoice_ids == tuple(invoice.invoice_id for invoice in issued)
    assert billed.charge_count == 2


async def test_an_encounter_that_was_not_mended_is_parked_again(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A", "LATER")
    await clinic.record(encounter)
    for times in range(1, 4):
        await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
        assert await clinic.count(EncounterAttentionRequired) == times
        await clinic.resume(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], AttentionRequired))
    assert await clinic.count(InvoiceIssued) == 1


async def test_parked_encounters_are_waited_for_together(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A", f"LATER{number}") for number in range(4)]
    ids = [each.encounter_id for each in encounters]
    await clinic.record(*encounters)
    [first, *_, last] = events = await clinic.new_events_of(EncounterReceived)
    await clinic.consumer.take(events)
    await clinic.settle(clinic.are(ids, AttentionRequired))
    together = workflow_ids.of_batch("encounter", clinic.tenant, first.position, last.position)
    await until(lambda: _waits_for(clinic, together, ids))
    # Mended one by one, and two at once of which one is not mended in truth.
    await clinic.publish(LATER0=100)
    await clinic.resume(encounters[0])
    await clinic.settle(clinic.are(ids[:1], Billed))
    await until(lambda: _waits_for(clinic, together, ids[1:]))
    await clinic.publish(LATER1=100, LATER3=100)
    for each in encounters[1:]:
        await clinic.resume(each)
    await clinic.settle(clinic.are([ids[1], ids[3]], Billed))
    await clinic.settle(clinic.are([ids[2]], AttentionRequired))
    await until(lambda: _waits_for(clinic, together, [ids[2]]))
    await clinic.publish(LATER2=100)
    await clinic.resume(encounters[2])
    await clinic.settle(clinic.are(ids, Billed))
    await clinic.client.get_workflow_handle(together).result()
    assert await _waits_for(clinic, together, [])
    assert await clinic.count(InvoiceIssued) == 8


async def _waits_for(clinic: ServedClinic, workflow_id: str, awaited: Sequence[str]) -> bool:
    rows = await clinic.admin.fetch(
        "SELECT awaits FROM saga_waits WHERE workflow_id = $1", workflow_id
    )
    return {row["awaits"] for row in rows} == set(awaited)


async def _is_waiting(clinic: ServedClinic) -> bool:
    """A wait is noted behind the event that says what for."""
    return bool(await clinic.admin.fetchval("SELECT count(*) FROM saga_waits"))


@pytest.mark.parametrize("batch", [1, 2])
async def test_a_resume_comes_through_when_the_workflow_is_gone(
    busy_clinic: ServedClinic, batch: int
) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "LATER") for number in range(batch)]
    ids = [each.encounter_id for each in encounters]
    await clinic.record(*encounters)
    await clinic.settle(clinic.are(ids, AttentionRequired))
    await until(lambda: _is_waiting(clinic))
    [waiter] = {row["workflow_id"] for row in await clinic.admin.fetch("SELECT * FROM saga_waits")}
    await clinic.client.get_workflow_handle(waiter).terminate()
    await clinic.publish(LATER=700)
    for each in encounters:
        await clinic.resume(each)
    await clinic.settle(clinic.are(ids, Billed))
    # The first invoice that there is bears the number 0, however late it comes.
    billed = await clinic.events(EncounterBilled)
    assert {event.invoice_ids for event in billed} == {
        (naming.encounter_invoice_id(each.encounter_id, 0),) for each in encounters
    }


async def test_an_encounter_without_services_is_billed_without_an_invoice(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e")
    await clinic.record(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    [billed] = await clinic.events(EncounterBilled)
    assert (billed.invoice_ids, billed.charge_count) == ((), 0)


async def test_a_tenant_may_have_drafts_only(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    await clinic.choose('{"encounter_invoice": "draft"}')
    encounter = clinic.encounter("e", "A")
    await clinic.record(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    assert (await clinic.count(InvoiceDrafted), await clinic.count(InvoiceIssued)) == (1, 0)


async def test_a_tenant_chooses_when_invoices_are_due(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    await clinic.choose('{"due_days": 7, "colour": "red"}')
    encounter = clinic.encounter("e", "A")
    await clinic.record(encounter)
    await clinic.settle(clinic.are([encounter.encounter_id], Billed))
    [issued] = await clinic.events(InvoiceIssued)
    assert issued.due_on - issued.issued_on == timedelta(days=7)


async def test_encounters_of_one_patient_in_one_batch_share_the_account(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A", patient="p") for number in range(4)]
    await clinic.record(*encounters)
    await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))
    assert await clinic.count(AccountOpened) == 1
    assert await clinic.count(InvoiceIssued) == 4


async def test_what_temporal_keeps_says_nothing_without_the_key(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A") for number in range(2)]
    await clinic.record(*encounters)
    first, last = events = await clinic.new_events_of(EncounterReceived)
    await clinic.consumer.take(events)
    named = workflow_ids.of_batch("encounter", clinic.tenant, first.position, last.position)
    handle = clinic.client.get_workflow_handle(named)
    await handle.result()
    history = (await handle.fetch_history()).to_json()
    payloads = [base64.b64decode(data) for data in re.findall(r'"data": "([^"]+)"', history)]
    assert len(payloads) >= 3  # the work twice, its result
    assert not any(b"enc_" in payload for payload in payloads)
