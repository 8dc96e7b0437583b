"""RemittancePosting on a real ledger and a server whose time is skipped."""

from datetime import timedelta

import msgspec
import pytest
from temporalio.testing import WorkflowEnvironment

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.encounter import EncounterReceived
from contracts.ids import AdjustmentId, InvoiceId, derive
from contracts.invoice import InvoiceIssued, InvoicePaid
from contracts.money import Money
from contracts.payment import PaymentPosted
from contracts.private import Private
from contracts.remittance import (
    ClaimResult,
    RemittanceClaim,
    RemittanceClaimsSettled,
    RemittanceCompleted,
    RemittanceReceived,
)
from domain import naming
from domain.adjustment import ApplyAdjustment
from domain.encounter import Billed
from domain.invoice import IssueInvoice, VoidInvoice
from domain.remittance import Completed, Working
from services.sagas import workflow_ids
from services.sagas.table import REMITTANCE_POSTING
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic, ServedClinic, claim


async def _billed(clinic: ServedClinic, *encounters: EncounterReceived) -> None:
    await clinic.record(*encounters)
    await clinic.settle(clinic.are([each.encounter_id for each in encounters], Billed))


async def _posted(clinic: ServedClinic, *remittances: RemittanceReceived) -> None:
    await clinic.receive(*remittances)
    await clinic.settle(clinic.are([each.remittance_id for each in remittances], Completed))


async def _results(clinic: Clinic, remittance: RemittanceReceived) -> tuple[ClaimResult, ...]:
    return tuple((await clinic.state(remittance.remittance_id)).results)


async def _details(clinic: Clinic) -> list[str | None]:
    settled = await clinic.events(RemittanceClaimsSettled)
    return [outcome.detail for event in settled for outcome in event.outcomes]


def _workflow_of(clinic: Clinic, remittance: RemittanceReceived) -> str:
    return workflow_ids.of_one("remittance", clinic.tenant, remittance.remittance_id)


async def _waits(clinic: Clinic) -> list[str]:
    rows = await clinic.admin.fetch("SELECT workflow_id FROM saga_waits ORDER BY 1")
    return [row["workflow_id"] for row in rows]


async def test_a_claim_is_paid_adjusted_and_settles_its_invoice(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A", "B")
    await _billed(clinic, encounter)
    remittance = clinic.remittance("r", claim(encounter, 10_500, CONTRACTUAL=2_000))
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.POSTED,)
    assert await clinic.count(InvoicePaid) == 1
    account = clinic.account_id(encounter)
    ledger = await clinic.ledger()
    assert (ledger["1030", account], ledger["4900", account], ledger["1100", account]) == (
        10_500,
        2_000,
        0,
    )


@pytest.mark.parametrize("first", ["encounters", "remittance", "together"])
async def test_the_ledger_is_the_same_whichever_comes_first(
    busy_clinic: ServedClinic, first: str
) -> None:
    clinic = busy_clinic
    one, two = clinic.encounter("e1", "A", claim="c1"), clinic.encounter("e2", "B")
    remittance = clinic.remittance(
        "r", claim(one, 8_000, CONTRACTUAL=2_000), claim(two, 3_000), claim(one, 0)
    )
    if first == "encounters":
        await _billed(clinic, one, two)
    await clinic.receive(remittance)
    if first == "remittance":
        await clinic.settle(clinic.are([remittance.remittance_id], Working))
        await until(lambda: _is_awaited(clinic))
    if first != "encounters":
        await clinic.record(one, two)
    await clinic.settle(clinic.are([remittance.remittance_id], Completed))
    assert {key: minor for key, minor in (await clinic.ledger()).items() if minor} == {
        ("1030", clinic.account_id(one)): 8_000,
        ("4900", clinic.account_id(one)): 2_000,
        ("4000", clinic.account_id(one)): -10_000,
        ("1030", clinic.account_id(two)): 3_000,
        ("2100", clinic.account_id(two)): -500,
        ("4000", clinic.account_id(two)): -2_500,
    }
    [completed] = await clinic.events(RemittanceCompleted)
    assert (completed.posted.amount, completed.parked.amount) == ("110.00", "0.00")
    await clinic.client.get_workflow_handle(_workflow_of(clinic, remittance)).result()
    assert await _waits(clinic) == []


async def _is_awaited(clinic: Clinic) -> bool:
    return bool(await _waits(clinic))


async def test_a_claim_may_name_our_invoice_by_number_or_id(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    await _billed(clinic, clinic.encounter("e1", "A"), clinic.encounter("e2", "A"))
    one, two = await clinic.events(InvoiceIssued)
    by_number = RemittanceClaim(paid=one.total, invoice=one.number)
    by_id = RemittanceClaim(paid=two.total, invoice=two.invoice_id)
    await _posted(clinic, clinic.remittance("r", by_number, by_id))
    paid = {event.allocations[0].invoice_id for event in await clinic.events(PaymentPosted)}
    assert paid == {one.invoice_id, two.invoice_id}


async def test_the_same_remittance_again_pays_nothing_twice(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounters = [clinic.encounter(f"e{number}", "A") for number in range(3)]
    await _billed(clinic, *encounters)
    remittances = [
        clinic.remittance(f"r{n}", claim(each, 100)) for n, each in enumerate(encounters)
    ]
    await _posted(clinic, *remittances)
    before = await clinic.events()
    clinic.forget_deliveries()
    first, second, third = await clinic.new_events_of(RemittanceReceived)
    await clinic.consumer.take([first, second])
    await clinic.consumer.take([third])
    together = workflow_ids.of_batch("remittance", clinic.tenant, first.position, second.position)
    await clinic.client.get_workflow_handle(together).result()
    # Which of them came third is the executor's lanes' affair.
    alone = workflow_ids.of_one("remittance", clinic.tenant, third.stream_id)
    await clinic.client.get_workflow_handle(alone).result()
    assert await clinic.events() == before


async def test_a_denial_is_noted_and_posts_nothing(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    reason = Private(subject="claim/e", sealed="c2VhbGVk")
    denied = msgspec.structs.replace(claim(encounter, 0), denied=True, denial_reason=reason)
    remittance = clinic.remittance("r", denied, claim(encounter, 4_000))
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.DENIED, ClaimResult.POSTED)
    assert await _details(clinic) == [None, None]
    assert await clinic.count(PaymentPosted) == 1


async def test_what_nobody_can_post_is_parked_and_the_rest_is_posted(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    remittance = clinic.remittance(
        "r",
        claim(encounter, -500),
        claim(encounter, 100, PIXIES=50),
        claim(encounter, 200, CONTRACTUAL=-50),
        claim(encounter, 300, CONTRACTUAL=99_999_999),
        claim(encounter, 400),
    )
    await _posted(clinic, remittance)
    parked = ClaimResult.PARKED
    assert await _results(clinic, remittance) == (*[parked] * 4, ClaimResult.POSTED)
    taken_back, unknown, reversed_, too_much, _ = await _details(clinic)
    assert "takes -5.00 back" in str(taken_back)
    assert "PIXIES" in str(unknown)
    assert "-0.50 is reversed" in str(reversed_)
    assert "VALIDATION_FAILED" in str(too_much)
    # Of a claim whose adjustment does not fit, the payment is not posted either.
    assert [event.amount.amount for event in await clinic.events(PaymentPosted)] == ["4.00"]
    [completed] = await clinic.events(RemittanceCompleted)
    assert (completed.posted.amount, completed.parked.amount) == ("4.00", "1.00")


async def test_of_a_claim_that_is_parked_no_adjustment_is_in_the_books(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    both = claim(encounter, 100, CONTRACTUAL=6_000, COURTESY=5_000)
    remittance = clinic.remittance("r", both, claim(encounter, 100, CONTRACTUAL=1, COURTESY=2))
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.PARKED, ClaimResult.POSTED)
    assert "more than the 40.00 outstanding" in str((await _details(clinic))[0])
    applied = await clinic.events(AdjustmentApplied)
    assert [event.amount.amount for event in applied] == ["0.01", "0.02"]
    # By hand somebody makes room for it, and it is tried again.
    raised = ApplyAdjustment(
        adjustment_id=AdjustmentId(derive("adj", clinic.tenant)),
        account_id=clinic.account_id(encounter),
        reason=AdjustmentReason.CORRECTION,
        direction=Direction.DEBIT,
        amount=Money.of(5_000, "USD"),
        invoice_id=InvoiceId(claim_invoice(encounter)),
    )
    await clinic.execute(raised)
    await clinic.starting.resume(REMITTANCE_POSTING, clinic.tenant, remittance.remittance_id)
    await clinic.client.get_workflow_handle(_workflow_of(clinic, remittance)).result()
    assert await _results(clinic, remittance) == (ClaimResult.POSTED,) * 2
    assert await clinic.count(AdjustmentApplied) == 5


async def test_what_waits_too_long_is_parked(
    busy_clinic: ServedClinic, skipping: WorkflowEnvironment
) -> None:
    clinic = busy_clinic
    await clinic.choose('{"remittance_wait_days": 12}')
    remittance = clinic.remittance("r", claim(clinic.encounter("never", "A"), 100))
    await clinic.receive(remittance)
    await clinic.settle(lambda: _is_awaited(clinic))
    await skipping.sleep(timedelta(days=11, hours=23))
    assert isinstance(await clinic.state(remittance.remittance_id), Working)
    await skipping.sleep(timedelta(hours=2))
    await until(clinic.are([remittance.remittance_id], Completed))
    assert await _results(clinic, remittance) == (ClaimResult.PARKED,)
    assert await _details(clinic) == ["no invoice of the claim was issued within 12 days"]
    await clinic.client.get_workflow_handle(_workflow_of(clinic, remittance)).result()
    assert await _waits(clinic) == []


async def test_parked_claims_are_posted_when_somebody_resumes_them(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    await clinic.choose('{"remittance_wait_days": 0}')
    late, never = clinic.encounter("late", "A"), clinic.encounter("never", "A")
    remittance = clinic.remittance("r", claim(late, 100), claim(never, 200))
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.PARKED,) * 2
    await _billed(clinic, late)
    await clinic.starting.resume(REMITTANCE_POSTING, clinic.tenant, remittance.remittance_id)
    await clinic.client.get_workflow_handle(_workflow_of(clinic, remittance)).result()
    assert await _results(clinic, remittance) == (ClaimResult.POSTED, ClaimResult.PARKED)
    *_, completed = await clinic.events(RemittanceCompleted)
    assert (completed.posted.amount, completed.parked.amount) == ("1.00", "2.00")


async def test_remittances_wait_together_each_until_its_own_end(
    busy_clinic: ServedClinic, skipping: WorkflowEnvironment
) -> None:
    clinic = busy_clinic
    soon, late, never = (clinic.encounter(key, "A") for key in ("soon", "late", "never"))
    remittances = [
        clinic.remittance(f"r{number}", claim(each, 100))
        for number, each in enumerate((soon, late, never))
    ]
    one, two, three = (each.remittance_id for each in remittances)
    await clinic.receive(*remittances)
    await clinic.settle(lambda: _is_awaited(clinic))
    [together] = set(await _waits(clinic))
    assert together.startswith("remittances/")
    await clinic.record(soon)
    await clinic.settle(clinic.are([one], Completed))
    await skipping.sleep(timedelta(days=29))
    await clinic.record(late)
    await clinic.settle(clinic.are([two], Completed))
    assert isinstance(await clinic.state(three), Working)
    await skipping.sleep(timedelta(days=2))
    await until(clinic.are([three], Completed))
    assert await _results(clinic, remittances[2]) == (ClaimResult.PARKED,)
    await clinic.client.get_workflow_handle(together).result()
    assert await _waits(clinic) == []


async def test_a_wake_starts_the_workflow_that_is_gone(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    remittance = clinic.remittance("r", claim(encounter, 100))
    await clinic.receive(remittance)
    await clinic.settle(lambda: _is_awaited(clinic))
    own = clinic.client.get_workflow_handle(_workflow_of(clinic, remittance))
    await own.terminate()
    await clinic.record(encounter)
    await clinic.settle(clinic.are([remittance.remittance_id], Completed))


async def test_a_batch_that_is_gone_is_waited_for_no_more(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await clinic.admin.execute(
        "INSERT INTO saga_waits SELECT $1, invoice, 'remittances/' || $1 || '/1-2'"
        " FROM unnest($2::text[]) AS invoice",
        clinic.tenant,
        ["inv_other", f"{claim_invoice(encounter)}"],
    )
    await _billed(clinic, encounter)
    await clinic.settle(lambda: _nobody_waits(clinic))


def claim_invoice(encounter: EncounterReceived) -> str:
    """The first invoice of an encounter."""
    return str(naming.encounter_invoice_id(encounter.encounter_id, 0))


async def _nobody_waits(clinic: Clinic) -> bool:
    return not await _waits(clinic)


async def test_an_encounter_that_left_no_invoice_parks_its_claim(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e")
    await _billed(clinic, encounter)
    remittance = clinic.remittance("r", claim(encounter, 100), claim(encounter, 0))
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.PARKED, ClaimResult.POSTED)
    assert "without an invoice" in str((await _details(clinic))[0])


async def test_a_claim_of_a_voided_invoice_is_parked_whatever_it_names(
    busy_clinic: ServedClinic,
) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    invoice_id = claim_invoice(encounter)
    number = (await clinic.state(invoice_id)).number
    reason = Private(subject=encounter.patient_id, sealed="c2VhbGVk")
    await clinic.execute(VoidInvoice(invoice_id=InvoiceId(invoice_id), reason=reason))
    named = msgspec.structs.replace(claim(encounter, 500), invoice=number)
    remittance = clinic.remittance("r", claim(encounter, 1_000), named)
    await _posted(clinic, remittance)
    assert await _results(clinic, remittance) == (ClaimResult.PARKED,) * 2
    assert await _details(clinic) == [f"invoice {number} was voided: post the payment by hand"] * 2
    assert await clinic.count(PaymentPosted) == 0


async def test_a_draft_is_waited_for_until_it_is_issued(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    await clinic.choose('{"encounter_invoice": "draft"}')
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    remittance = clinic.remittance("r", claim(encounter, 100))
    await clinic.receive(remittance)
    await clinic.settle(lambda: _is_awaited(clinic))
    await clinic.execute(IssueInvoice(invoice_id=InvoiceId(claim_invoice(encounter))))
    await clinic.settle(clinic.are([remittance.remittance_id], Completed))


async def test_a_remittance_of_many_claims_is_posted_in_parts(busy_clinic: ServedClinic) -> None:
    clinic = busy_clinic
    encounter = clinic.encounter("e", "A")
    await _billed(clinic, encounter)
    remittance = clinic.remittance("r", *(claim(encounter, 1) for _ in range(2_100)))
    await _posted(clinic, remittance)
    assert await clinic.count(PaymentPosted) == 2_100
    assert await clinic.count(RemittanceCompleted) == 1
