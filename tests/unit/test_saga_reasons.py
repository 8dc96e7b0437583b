"""What a payer's adjustment reason means to us."""

import pytest

from contracts.adjustment import AdjustmentReason
from services.sagas.reasons import reason_of


@pytest.mark.parametrize("reason", sorted(set(AdjustmentReason) - {AdjustmentReason.INVOICE_VOID}))
def test_our_own_reasons_are_themselves_in_any_letters(reason: AdjustmentReason) -> None:
    assert reason_of(reason.lower()) is reason


def test_group_codes_of_an_835_are_known() -> None:
    assert reason_of("CO") is AdjustmentReason.CONTRACTUAL


@pytest.mark.parametrize("reason", ["INVOICE_VOID", "PR", "", "CONTRACTUAL "])
def test_what_is_not_listed_is_for_a_person(reason: str) -> None:
    assert reason_of(reason) is None
