"""Encounters: recorded once, parked and resumed, billed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.encounter import (
    EncounterAttentionRequired,
    EncounterBilled,
    EncounterReceived,
    EncounterResumed,
    EncounterService,
    ServiceProblem,
)
from contracts.ids import AccountId, EncounterId, InvoiceId
from contracts.private import Private
from domain.encounter import (
    ENCOUNTER,
    FinishEncounter,
    ParkEncounter,
    Received,
    RecordEncounter,
    ResumeEncounter,
    digest_of,
)
from domain.rejections import AlreadyExists, EncounterSettled, NotFound
from tests.fixtures.scenario import given

ENCOUNTER_ID = EncounterId("enc_1")
PROBLEMS = (ServiceProblem(line=0, code="PRICE_NOT_FOUND", detail="no price"),)
PARKED = EncounterAttentionRequired(encounter_id=ENCOUNTER_ID, problems=PROBLEMS)
RESUMED = EncounterResumed(encounter_id=ENCOUNTER_ID)
BILLED = EncounterBilled(
    encounter_id=ENCOUNTER_ID,
    account_id=AccountId("acc_1"),
    invoice_ids=(InvoiceId("inv_1"),),
    charge_count=2,
)
PARK = ParkEncounter(encounter_id=ENCOUNTER_ID, problems=PROBLEMS)
RESUME = ResumeEncounter(encounter_id=ENCOUNTER_ID)
FINISH = FinishEncounter(
    encounter_id=ENCOUNTER_ID,
    account_id=AccountId("acc_1"),
    invoice_ids=(InvoiceId("inv_1"),),
    charge_count=2,
)


def received(**fields: Any) -> EncounterReceived:
    return EncounterReceived(
        **{
            "encounter_id": ENCOUNTER_ID,
            "encounter_ref": "e-1",
            "patient_id": "p1",
            "patient_name": Private(subject="p1", sealed="once"),
            "facility": "north",
            "currency": "USD",
            "language": "en",
            "closed_at": datetime(2026, 1, 2, tzinfo=UTC),
            "services": (
                EncounterService(
                    code="99213", system="cpt", quantity=1, service_on=date(2026, 1, 2)
                ),
            ),
            **fields,
        }
    )


def record(**fields: Any) -> RecordEncounter:
    return RecordEncounter(encounter=received(**fields))


def test_an_encounter_is_recorded_as_it_came() -> None:
    given(ENCOUNTER).when(record()).then(received())


@pytest.mark.parametrize("later", [(), (PARKED,), (PARKED, RESUMED), (BILLED,)])
def test_the_same_encounter_sent_again_changes_nothing(later: Any) -> None:
    # Sealed again, so its ciphertext differs.
    again = record(patient_name=Private(subject="p1", sealed="twice"))
    given(ENCOUNTER, received(), *later).when(again).then_nothing()


@pytest.mark.parametrize("later", [(), (PARKED,), (BILLED,)])
def test_another_encounter_under_the_same_key_is_refused(later: Any) -> None:
    other = record(claim_ref="c-1", currency="EUR")
    scenario = given(ENCOUNTER, received(), *later).when(other)
    scenario.then_rejected(AlreadyExists, "came as c-1 before")


def test_the_refusal_names_the_encounter_where_there_is_no_claim() -> None:
    scenario = given(ENCOUNTER, received()).when(record(currency="EUR"))
    scenario.then_rejected(AlreadyExists, "came as e-1 before")


def test_the_digest_is_of_what_was_sent_without_what_is_sealed() -> None:
    sealed_anew = received(details=Private(subject="p1", sealed="x"), patient_name=None)
    assert digest_of(sealed_anew) == digest_of(received())
    assert digest_of(received(language="fa")) != digest_of(received())


def test_what_cannot_be_charged_parks_the_encounter() -> None:
    given(ENCOUNTER, received()).when(PARK).then(PARKED)


def test_what_is_mended_is_resumed() -> None:
    given(ENCOUNTER, received(), PARKED).when(RESUME).then(RESUMED)


def test_an_encounter_may_be_parked_again_and_counts_its_resumes() -> None:
    scenario = given(ENCOUNTER, received(), PARKED, RESUMED)
    assert scenario.book.states[ENCOUNTER_ID] == Received(digest=digest_of(received()), resumed=1)
    scenario.when(PARK).then(PARKED)


@pytest.mark.parametrize("before", [(), (PARKED,), (PARKED, RESUMED)])
def test_an_encounter_is_finished(before: Any) -> None:
    given(ENCOUNTER, received(), *before).when(FINISH).then(BILLED)


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ((PARKED,), PARK),
        ((), RESUME),
        ((PARKED, RESUMED), RESUME),
        ((BILLED,), FINISH),
        ((BILLED,), PARK),
    ],
)
def test_a_step_that_was_done_is_a_retry(before: Any, command: Any) -> None:
    given(ENCOUNTER, received(), *before).when(command).then_nothing()


def test_a_billed_encounter_is_not_resumed() -> None:
    given(ENCOUNTER, received(), BILLED).when(RESUME).then_rejected(EncounterSettled)


@pytest.mark.parametrize("command", [PARK, RESUME, FINISH])
def test_an_encounter_that_was_never_received_is_not_worked_on(command: Any) -> None:
    given(ENCOUNTER).when(command).then_rejected(NotFound, "enc_1")
