"""RemittancePosting when it crashes, when others post meanwhile, and when an invoice just comes."""

from collections.abc import Sequence
from typing import Final

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from contracts.adjustment import AdjustmentApplied
from contracts.payment import PaymentPosted
from contracts.remittance import ClaimResult, RemittanceCompleted, RemittanceReceived
from domain import naming
from domain.encounter import Billed
from domain.remittance import Working
from services.execute.attempt import LedgerUnavailable
from services.execute.executor import Executor
from services.sagas.charging import Charging
from services.sagas.claim import OpenClaim
from services.sagas.messages import ClaimsPosted, Encounters, PostClaims
from services.sagas.posting import Posting
from services.sagas.steps import TRY_AGAIN
from tests.workflows.clinic import Clinic, claim
from tests.workflows.interrupted import Interrupted, Moment, crash

# Before and after each of the steps: adjust, pay, settle.
MOMENTS: Final[list[tuple[int, Moment]]] = [
    (call, moment) for call in (1, 2, 3) for moment in ("before", "after")
]
ROUNDS_MAX = 5


async def _charge(clinic: Clinic, *keys: str) -> list[RemittanceReceived]:
    """Billed encounters, and a remittance for each."""
    await clinic.publish(A=10_000)
    encounters = [clinic.encounter(key, "A") for key in keys]
    await clinic.record(*encounters)
    ids = tuple(each.encounter_id for each in encounters)
    work = Encounters(tenant=clinic.tenant, encounter_ids=ids)
    await ActivityEnvironment().run(Charging(clinic.executor, clinic.pool).charge, work)
    assert await clinic.are(ids, Billed)()
    claims = [claim(each, 8_000, CONTRACTUAL=1_500, COURTESY=500) for each in encounters]
    remittances = [clinic.remittance(key, each) for key, each in zip(keys, claims, strict=True)]
    await clinic.receive(*remittances)
    return remittances


async def _post(
    clinic: Clinic,
    executor: Executor,
    remittances: Sequence[RemittanceReceived],
    *,
    give_up: bool = False,
    parked_too: bool = False,
) -> ClaimsPosted:
    """Run the activity as Temporal would, again and again."""
    work = PostClaims(
        tenant=clinic.tenant,
        remittance_ids=tuple(each.remittance_id for each in remittances),
        give_up=give_up,
        parked_too=parked_too,
    )
    for _ in range(ROUNDS_MAX):
        try:
            return await ActivityEnvironment().run(Posting(executor, clinic.pool).post, work)
        except ApplicationError as failed:
            if failed.type != TRY_AGAIN:
                raise
    raise AssertionError("it never comes to an end")


async def _check_posted_once(clinic: Clinic, count: int) -> None:
    assert await clinic.count(PaymentPosted) == count
    assert await clinic.count(AdjustmentApplied) == 2 * count
    assert await clinic.count(RemittanceCompleted) == count
    ledger = await clinic.ledger()
    assert sum(minor for (gl, _), minor in ledger.items() if gl == "1100") == 0


async def test_a_crash_at_any_step_changes_nothing(clinic: Clinic) -> None:
    for call, moment in MOMENTS:
        another = clinic.another()
        remittances = await _charge(another, "e1", "e2")
        crashing = Interrupted(clinic.executor, call, moment, crash)
        with pytest.raises(LedgerUnavailable):
            await _post(another, crashing, remittances)
        await _post(another, clinic.executor, remittances)
        await _check_posted_once(another, 2)


async def test_two_workers_on_one_remittance_post_it_once(clinic: Clinic) -> None:
    for call, moment in MOMENTS:
        await _overtaken(clinic.another(), call, moment)


async def _overtaken(clinic: Clinic, call: int, moment: Moment) -> None:
    remittances = await _charge(clinic, "e1", "e2")

    async def overtake() -> None:
        await _post(clinic, clinic.executor, remittances)

    await _post(clinic, Interrupted(clinic.executor, call, moment, overtake), remittances)
    await _check_posted_once(clinic, 2)


class _InvoiceComesBetween(Posting):
    """The invoice is issued after the first look, before the claim is registered to wait."""

    def __init__(self, clinic: Clinic, key: str) -> None:
        super().__init__(clinic.executor, clinic.pool)
        self._clinic = clinic
        self._encounter = clinic.encounter(key, "A")
        self._looks = 0

    async def _look(self, claims: Sequence[OpenClaim], tenant: str) -> list[OpenClaim]:
        found = await super()._look(claims, tenant)
        self._looks += 1
        if self._looks == 1:
            await self._clinic.record(self._encounter)
            work = Encounters(tenant=tenant, encounter_ids=(self._encounter.encounter_id,))
            charging = Charging(self._clinic.executor, self._clinic.pool)
            await charging.charge(work)
        return found


async def test_an_invoice_that_comes_while_a_claim_begins_to_wait_is_not_missed(
    clinic: Clinic,
) -> None:
    await clinic.publish(A=10_000)
    remittance = clinic.remittance("r", claim(clinic.encounter("e", "A"), 100))
    await clinic.receive(remittance)
    work = PostClaims(tenant=clinic.tenant, remittance_ids=(remittance.remittance_id,))
    posting = _InvoiceComesBetween(clinic, "e")
    posted = await ActivityEnvironment().run(posting.post, work)
    assert posted.waiting == ()
    assert await clinic.count(PaymentPosted) == 1


async def test_one_claim_waits_and_the_others_are_posted(clinic: Clinic) -> None:
    [first] = await _charge(clinic, "e1")
    late = claim(clinic.encounter("late", "A"), 700)
    both = clinic.remittance("both", *first.claims, late)
    await clinic.receive(both)
    posted = await _post(clinic, clinic.executor, [both])
    assert posted.waiting == (both.remittance_id,)
    state = await clinic.state(both.remittance_id)
    assert isinstance(state, Working)
    assert state.results == (ClaimResult.POSTED, None)


async def test_a_wait_that_two_claims_share_lasts_as_long_as_one_of_them(clinic: Clinic) -> None:
    await clinic.publish(A=10_000)
    done, late = clinic.encounter("e", "A", claim="c1"), clinic.encounter("e", "A", claim="c2")
    await clinic.record(done)
    work = Encounters(tenant=clinic.tenant, encounter_ids=(done.encounter_id,))
    await ActivityEnvironment().run(Charging(clinic.executor, clinic.pool).charge, work)
    remittance = clinic.remittance("r", claim(done, 100), claim(late, 200))
    await clinic.receive(remittance)
    await _post(clinic, clinic.executor, [remittance])
    awaited = {row["awaits"] for row in await clinic.admin.fetch("SELECT awaits FROM saga_waits")}
    by_claim = naming.encounter_id(clinic.tenant, "c2")
    by_encounter = naming.encounter_id(clinic.tenant, "e")
    assert awaited == {naming.encounter_invoice_id(each, 0) for each in (by_claim, by_encounter)}


async def test_parked_claims_stay_parked_until_they_are_asked_for(clinic: Clinic) -> None:
    remittance = clinic.remittance("r", claim(clinic.encounter("e", "A"), 100))
    await clinic.receive(remittance)
    await _post(clinic, clinic.executor, [remittance], give_up=True)
    before = await clinic.events()
    assert (await _post(clinic, clinic.executor, [remittance])).waiting == ()
    assert (await _post(clinic, clinic.executor, [remittance], parked_too=True)).waiting == ()
    assert await clinic.events() == before
