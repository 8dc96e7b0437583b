"""Amounts as Stripe counts them, which is mostly in ISO 4217's minor units.

https://docs.stripe.com/currencies lists where it differs.
"""

from typing import Final

from contracts.money import Money, exponent

_EXPONENTS: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
_THOUSANDTHS: Final = 3


class AmountNotTaken(ValueError):
    """Stripe takes no such amount in this currency."""


def stripe_amount(money: Money) -> str:
    """The amount in Stripe's units; raises AmountNotTaken."""
    digits = exponent(money.currency)
    theirs = _EXPONENTS.get(money.currency, digits)
    amount, rest = divmod(money.minor * 10**theirs, 10**digits)
    if rest:
        raise AmountNotTaken(f"Stripe takes whole units of {money.currency} only")
    if theirs == _THOUSANDTHS and amount % 10:
        raise AmountNotTaken(f"Stripe takes no thousandths of {money.currency}: end with a 0")
    if amount <= 0:
        raise AmountNotTaken("an amount is more than nothing")
    return str(amount)
