"""Rejected messages: noted once, then retried or discarded."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.ids import RejectionId
from contracts.intake import IntakeDiscarded, IntakeRejected, IntakeRetried
from domain.intake import INTAKE, DiscardIntake, RejectIntake, RetryIntake
from domain.rejections import NotFound, RejectionSettled
from tests.fixtures.scenario import given

REJECTION_ID = RejectionId("rej_1")
REJECTED = IntakeRejected(
    rejection_id=REJECTION_ID,
    subject="intake.demo",
    code="VALIDATION_FAILED",
    detail="no JSON",
    received_at=datetime(2026, 1, 2, tzinfo=UTC),
)
RETRIED = IntakeRetried(rejection_id=REJECTION_ID, message_id="m-2")
DISCARDED = IntakeDiscarded(rejection_id=REJECTION_ID, reason="a test")
REJECT = RejectIntake(rejection=REJECTED)
RETRY = RetryIntake(rejection_id=REJECTION_ID, message_id="m-2")
DISCARD = DiscardIntake(rejection_id=REJECTION_ID, reason="a test")


def test_a_rejected_message_is_noted() -> None:
    given(INTAKE).when(REJECT).then(REJECTED)


@pytest.mark.parametrize("later", [(), (RETRIED,), (DISCARDED,)])
def test_a_rejected_message_that_is_delivered_again_is_noted_once(later: Any) -> None:
    given(INTAKE, REJECTED, *later).when(REJECT).then_nothing()


def test_a_rejected_message_is_retried_or_discarded() -> None:
    given(INTAKE, REJECTED).when(RETRY).then(RETRIED)
    given(INTAKE, REJECTED).when(DISCARD).then(DISCARDED)


@pytest.mark.parametrize(("settled", "how"), [(RETRIED, "retried"), (DISCARDED, "discarded")])
@pytest.mark.parametrize("command", [RETRY, DISCARD])
def test_a_rejected_message_is_settled_once(settled: Any, how: str, command: Any) -> None:
    given(INTAKE, REJECTED, settled).when(command).then_rejected(RejectionSettled, f"is {how}")


@pytest.mark.parametrize("command", [RETRY, DISCARD])
def test_a_message_that_was_not_rejected_is_not_settled(command: Any) -> None:
    given(INTAKE).when(command).then_rejected(NotFound, "rej_1")
