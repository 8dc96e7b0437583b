"""What looks like a card number is refused, what is an id is not."""

import pytest

from contracts.ids import derive
from services.card_numbers import CardNumberRefused, refuse_card_number


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "4111 1111 1111 1111", "x5555-5555-5555-4444y", "6304000000000000"],
)
def test_a_card_number_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(CardNumberRefused):
        refuse_card_number(text)


@pytest.mark.parametrize(
    "text",
    ["", "4242", "4111111111111112", "pm_1NxYz", "2026-01-02T10:00:00", "41111111111111110000"],
)
def test_what_is_none_is_taken(text: str) -> None:
    refuse_card_number(text)


def test_ids_of_ours_are_no_card_numbers() -> None:
    for number in range(2_000):
        refuse_card_number(derive("pay", str(number)))
