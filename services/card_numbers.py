"""No card number may come into our hands: what looks like one is refused before it is kept."""

import re
from typing import Final

# 13 to 19 digits (ISO/IEC 7812-1), as people and forms write them.
_DIGITS: Final = re.compile(r"(?<!\d)\d(?:[ .\-_]?\d){12,18}(?!\d)")


class CardNumberRefused(ValueError):
    """A text holds what looks like a card number; the error does not say it again."""


def refuse_card_number(text: str) -> None:
    """Go on only when no card number is in the text; raises CardNumberRefused."""
    for found in _DIGITS.finditer(text):
        if _luhn([int(digit) for digit in found[0] if digit.isdigit()]):
            raise CardNumberRefused(
                "that looks like a card number: send the token that the payment gateway gave "
                "the customer's browser for it, never the number"
            )


def _luhn(digits: list[int]) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
