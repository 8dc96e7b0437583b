"""Encounters with codes that do not hold are parked; those that nobody can verify, tried again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from contracts.charge import ChargeCaptured, CodeStatus
from contracts.encounter import EncounterReceived
from domain.encounter import AttentionRequired, Billed
from services.code_checks import CodeChecks
from services.execute.executor import Executor
from services.ports import Verdict
from services.sagas.charging import UNVERIFIED_ATTEMPTS_MAX, Charging
from services.sagas.messages import Encounters
from services.sagas.steps import TRY_AGAIN
from tests.fixtures.code_validators import Saying
from tests.workflows.clinic import Clinic


class Checked(NamedTuple):
    """A clinic whose codes are checked, and who says what they are."""

    clinic: Clinic
    executor: Executor
    codes: Saying
    encounter: EncounterReceived

    async def charge(self, attempt: int = 1) -> None:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=attempt)
        work = Encounters(tenant=self.clinic.tenant, encounter_ids=(self.encounter.encounter_id,))
        await environment.run(Charging(self.executor, self.clinic.pool).charge, work)

    async def state(self) -> object:
        return await self.clinic.state(self.encounter.encounter_id)


@pytest.fixture
async def checked(clinic: Clinic) -> AsyncIterator[Checked]:
    codes = Saying(Verdict.VALID)
    await clinic.publish(A=10_000)
    encounter = clinic.encounter("e", "A", "A")
    await clinic.record(encounter)
    async with Executor(clinic.pool, examine=CodeChecks([codes])) as executor:
        yield Checked(clinic, executor, codes, encounter)


async def test_codes_that_hold_are_charged_and_marked_so(checked: Checked) -> None:
    await checked.charge()
    assert isinstance(await checked.state(), Billed)
    captured = await checked.clinic.events(ChargeCaptured)
    assert [each.code_status for each in captured] == [CodeStatus.VALIDATED] * 2


async def test_codes_that_do_not_hold_park_the_encounter_until_they_are_mended(
    checked: Checked,
) -> None:
    checked.codes.verdict = Verdict.INVALID
    await checked.charge()
    parked = await checked.state()
    assert isinstance(parked, AttentionRequired)
    assert [(each.line, each.code) for each in parked.problems] == [
        (0, "CODE_INVALID"),
        (1, "CODE_INVALID"),
    ]
    checked.codes.verdict = Verdict.VALID
    await checked.clinic.resume(checked.encounter)
    await checked.charge()
    assert isinstance(await checked.state(), Billed)


async def test_codes_that_nobody_can_verify_are_tried_again_and_parked_in_the_end(
    checked: Checked,
) -> None:
    checked.codes.verdict = Verdict.UNVERIFIED
    for attempt in (1, UNVERIFIED_ATTEMPTS_MAX - 1):
        with pytest.raises(ApplicationError) as again:
            await checked.charge(attempt)
        assert again.value.type == TRY_AGAIN
    assert await checked.clinic.count(ChargeCaptured) == 0
    await checked.charge(UNVERIFIED_ATTEMPTS_MAX)
    parked = await checked.state()
    assert isinstance(parked, AttentionRequired)
    assert {each.code for each in parked.problems} == {"CODE_UNVERIFIED"}


async def test_a_charge_that_was_captured_is_not_undone_by_a_silent_server(
    checked: Checked,
) -> None:
    await checked.charge()
    checked.codes.verdict = Verdict.UNVERIFIED
    before = await checked.clinic.events()
    await checked.charge()
    assert await checked.clinic.events() == before
