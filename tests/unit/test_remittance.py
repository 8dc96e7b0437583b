"""Remittances: recorded as sent, settled claim by claim, completed when all are."""

from datetime import date
from typing import Any

import pytest

from contracts.ids import RemittanceId
from contracts.money import Money
from contracts.private import Private
from contracts.remittance import (
    ClaimAdjustment,
    ClaimOutcome,
    ClaimResult,
    RemittanceClaim,
    RemittanceClaimsSettled,
    RemittanceCompleted,
    RemittanceReceived,
)
from domain.rejections import AlreadyExists, Invalid, NotFound
from domain.remittance import REMITTANCE, Completed, RecordRemittance, SettleClaims, Working
from tests.fixtures.clinic_events import usd
from tests.fixtures.scenario import Scenario, given

REMITTANCE_ID = RemittanceId("rem_1")
POSTED, DENIED, PARKED = ClaimResult.POSTED, ClaimResult.DENIED, ClaimResult.PARKED


def claim(minor: int, **fields: Any) -> RemittanceClaim:
    return RemittanceClaim(**{"paid": usd(minor), "claim_ref": f"c-{minor}", **fields})


def received(*minors: int, **fields: Any) -> RemittanceReceived:
    return RemittanceReceived(
        **{
            "remittance_id": REMITTANCE_ID,
            "remittance_ref": "r-1",
            "payer": "Payer",
            "received_on": date(2026, 1, 2),
            "total": usd(sum(minors)),
            "claims": tuple(claim(minor) for minor in minors),
            **fields,
        }
    )


def record(*minors: int, **fields: Any) -> RecordRemittance:
    return RecordRemittance(remittance=received(*minors, **fields))


def settle(*results: tuple[int, ClaimResult]) -> SettleClaims:
    return SettleClaims(remittance_id=REMITTANCE_ID, outcomes=outcomes(*results))


def outcomes(*results: tuple[int, ClaimResult]) -> tuple[ClaimOutcome, ...]:
    return tuple(ClaimOutcome(claim=claim, result=result) for claim, result in results)


def settled(*results: tuple[int, ClaimResult]) -> RemittanceClaimsSettled:
    return RemittanceClaimsSettled(remittance_id=REMITTANCE_ID, outcomes=outcomes(*results))


def completed(posted: int, parked: int, claims: int, **counts: int) -> RemittanceCompleted:
    return RemittanceCompleted(
        remittance_id=REMITTANCE_ID,
        posted=usd(posted),
        parked=usd(parked),
        claim_count=claims,
        denied_count=counts.get("denied", 0),
        parked_count=counts.get("parked_claims", 0),
    )


@pytest.fixture
def three() -> Scenario:
    """Claims over 10.00, 20.00 and 0.00."""
    return given(REMITTANCE, received(1_000, 2_000, 0))


def test_a_remittance_is_recorded_as_it_came() -> None:
    given(REMITTANCE).when(record(1_000, 2_000)).then(received(1_000, 2_000))


def test_the_same_remittance_sent_again_changes_nothing(three: Scenario) -> None:
    three.when(record(1_000, 2_000, 0)).then_nothing()
    three.happened(settled((0, POSTED), (1, POSTED), (2, DENIED)))
    three.when(record(1_000, 2_000, 0)).then_nothing()


def test_a_repeat_is_one_however_its_reasons_are_sealed(three: Scenario) -> None:
    sealed = [
        claim(0, denied=True, denial_reason=Private(subject="claim/c-0", sealed=text))
        for text in ("bm9uY2UgMQ==", "bm9uY2UgMg==")
    ]
    first, again = (record(0, remittance_id="rem_2", claims=(one,)) for one in sealed)
    three.happened(*three.when(first).events)
    three.when(again).then_nothing()


def test_another_remittance_under_the_same_number_is_refused(three: Scenario) -> None:
    three.when(record(1_000)).then_rejected(AlreadyExists, "Payer sent remittance r-1 before")


@pytest.mark.parametrize("total", [2_999, 3_001, 0])
def test_the_claims_must_tie_to_the_total(total: int) -> None:
    command = record(1_000, 2_000, total=usd(total))
    given(REMITTANCE).when(command).then_rejected(Invalid, "add up to 30.00")


@pytest.mark.parametrize(
    "stray",
    [
        RemittanceClaim(paid=Money.of(0, "EUR")),
        claim(0, adjustments=(ClaimAdjustment(reason="X", amount=Money.of(1, "EUR")),)),
    ],
)
def test_every_amount_is_in_the_currency_of_the_total(stray: RemittanceClaim) -> None:
    command = record(claims=(stray,), total=usd(0))
    given(REMITTANCE).when(command).then_rejected(Invalid, "USD")


def test_a_negative_claim_takes_back_what_was_paid() -> None:
    given(REMITTANCE).when(record(1_000, -400)).then(received(1_000, -400))


def test_claims_are_settled_one_by_one(three: Scenario) -> None:
    three.when(settle((1, POSTED))).then(settled((1, POSTED)))
    three.happened(settled((1, POSTED)))
    assert isinstance(three.book.states[REMITTANCE_ID], Working)


def test_the_last_claim_completes_the_remittance(three: Scenario) -> None:
    three.happened(settled((1, POSTED)))
    outcome = three.when(settle((0, PARKED), (2, DENIED)))
    outcome.then(
        settled((0, PARKED), (2, DENIED)),
        completed(2_000, 1_000, 3, denied=1, parked_claims=1),
    )
    three.happened(*outcome.events)
    assert isinstance(three.book.states[REMITTANCE_ID], Completed)


def test_what_is_posted_and_parked_ties_to_the_total(three: Scenario) -> None:
    (_, done) = three.when(settle((0, PARKED), (1, POSTED), (2, PARKED))).events
    assert isinstance(done, RemittanceCompleted)
    assert done.posted.minor + done.parked.minor == 3_000


def test_settling_twice_is_a_retry(three: Scenario) -> None:
    three.happened(settled((0, POSTED)))
    three.when(settle((0, POSTED))).then_nothing()


@pytest.mark.parametrize("final", [POSTED, DENIED])
def test_what_is_posted_or_denied_stays_so(three: Scenario, final: ClaimResult) -> None:
    three.happened(settled((0, final)))
    for result in ClaimResult:
        three.when(settle((0, result))).then_nothing()


def test_of_several_outcomes_the_new_ones_count(three: Scenario) -> None:
    three.happened(settled((0, POSTED)))
    three.when(settle((0, DENIED), (1, POSTED))).then(settled((1, POSTED)))


def test_a_parked_claim_is_posted_later_and_the_remittance_completed_anew() -> None:
    scenario = given(REMITTANCE, received(1_000, 2_000))
    first = scenario.when(settle((0, POSTED), (1, PARKED)))
    scenario.happened(*first.events)
    scenario.when(settle((1, PARKED))).then_nothing()
    later = scenario.when(settle((1, POSTED)))
    later.then(settled((1, POSTED)), completed(3_000, 0, 2))
    scenario.happened(*later.events)
    scenario.when(settle((0, POSTED), (1, POSTED))).then_nothing()


def test_many_outcomes_come_in_parts_of_one_command() -> None:
    scenario = given(REMITTANCE, received(*(1 for _ in range(1_200))))
    outcome = scenario.when(settle(*((claim, POSTED) for claim in range(1_200))))
    *parts, last = outcome.events
    lengths = [len(part.outcomes) for part in parts if isinstance(part, RemittanceClaimsSettled)]
    assert lengths == [500, 500, 200]
    assert last == completed(1_200, 0, 1_200)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_claim_that_is_not_in_the_remittance_is_refused(three: Scenario, number: int) -> None:
    three.when(settle((number, POSTED))).then_rejected(Invalid, f"no claim {number}")


def test_a_claim_is_named_once(three: Scenario) -> None:
    three.when(settle((0, POSTED), (0, DENIED))).then_rejected(Invalid, "twice")


def test_a_remittance_that_was_never_received_is_not_settled() -> None:
    given(REMITTANCE).when(settle((0, POSTED))).then_rejected(NotFound, "rem_1")
