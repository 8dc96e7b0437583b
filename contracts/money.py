"""Money as the contracts carry it: a decimal string with exactly the currency's digits."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from contracts.currency import EXPONENTS

# The ledger's columns are bigint; one amount may use a thousandth of that range, so that sums fit.
MINOR_MAX: Final = 9_000_000_000_000_000
_SUM_MINOR_MAX: Final = 1_000 * MINOR_MAX
_WHOLE_DIGITS_MAX: Final = 16  # as the patterns of amounts below say
_DECIMAL = re.compile(r"-?\d{1,16}(\.\d{1,4})?", re.ASCII)

Currency = Annotated[
    str,
    Meta(
        description="ISO 4217 code",
        examples=["USD"],
        extra_json_schema={"pattern": "^[A-Z]{3}$"},
    ),
]


class MoneyInvalid(ValueError):
    """An amount or a currency that cannot be money; the text says which and why."""


class CurrencyUnsupported(MoneyInvalid):
    """A currency code that ISO 4217 does not list."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money: a decimal string with exactly as many digits as the currency has."""

    amount: Annotated[
        str,
        Meta(
            description="decimal string, never a float",
            examples=["125.00"],
            extra_json_schema={"pattern": r"^-?\d{1,16}(\.\d{1,4})?$"},
        ),
    ]
    currency: Currency

    @staticmethod
    @lru_cache(maxsize=16_384)  # amounts repeat: the prices of a list, and zero
    def of(minor: int, currency: str) -> "Money":
        """The money of so many minor units (cents); raises CurrencyUnsupported."""
        return Money(amount=format_minor(minor, currency), currency=currency)

    @property
    def minor(self) -> int:
        """The amount in minor units, of a canonical amount, which `of` and `parse_money` make."""
        return int(self.amount.replace(".", ""))


def exponent(currency: str) -> int:
    """Digits of the currency's minor unit (ISO 4217); raises CurrencyUnsupported."""
    digits = EXPONENTS.get(currency)
    if digits is None:
        raise CurrencyUnsupported(f"{currency!r} is no ISO 4217 currency code, such as USD")
    return digits


@cache
def sum_minor_max(currency: str) -> int:
    """What the sums of one account (its balances, an invoice) may reach, either way.

    They are stored in a bigint and published as an amount. Sums over accounts are neither.
    Raises CurrencyUnsupported.
    """
    most: int = 10 ** (_WHOLE_DIGITS_MAX + exponent(currency)) - 1
    return min(_SUM_MINOR_MAX, most)


def format_minor(minor: int, currency: str) -> str:
    """Minor units as the canonical decimal string: 12500 USD is 125.00, 125 JPY is 125."""
    digits = EXPONENTS.get(currency)
    if digits == 2:  # nearly every currency: spared the general way below
        sign = "-" if minor < 0 else ""
        whole, rest = divmod(abs(minor), 100)
        return f"{sign}{whole}.{rest:02d}"
    digits = exponent(currency)
    if digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**digits)
    return f"{sign}{whole}.{rest:0{digits}d}"


def parse_minor(amount: str, currency: str) -> int:
    """A decimal string in minor units; raises MoneyInvalid for what is no exact amount."""
    digits = exponent(currency)
    if not _DECIMAL.fullmatch(amount):
        raise MoneyInvalid(f"{amount!r} is no decimal amount, such as 125.00")
    whole, _, fraction = amount.partition(".")
    if len(fraction.rstrip("0")) > digits:
        raise MoneyInvalid(f"{amount!r} has more digits than {currency} has ({digits})")
    minor = int(whole + fraction[:digits].ljust(digits, "0"))
    if abs(minor) > MINOR_MAX:
        raise MoneyInvalid(f"{amount!r} is beyond {format_minor(MINOR_MAX, currency)} {currency}")
    return minor


def parse_money(amount: str, currency: str) -> Money:
    """Canonical money from what a caller wrote ("125", "125.5"); raises MoneyInvalid."""
    return Money.of(parse_minor(amount, currency), currency)


def round_minor(amount: Decimal, currency: str) -> int:
    """A decimal amount in whole minor units, rounded half-even; raises MoneyInvalid."""
    if not amount.is_finite():
        raise MoneyInvalid(f"{amount} is no finite amount")
    minor = int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_EVEN))
    if abs(minor) > MINOR_MAX:
        raise MoneyInvalid(f"{amount} is beyond {format_minor(MINOR_MAX, currency)} {currency}")
    return minor


def nearest_minor(exact: Fraction, currency: str) -> int:
    """An exact amount in whole minor units, rounded half-even; raises CurrencyUnsupported."""
    in_minor = exact * 10 ** exponent(currency)
    return half_even_ratio(in_minor.numerator, in_minor.denominator)


def half_even_ratio(numerator: int, denominator: int) -> int:
    """numerator / denominator in whole units, rounded half-even, exactly; denominator > 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        return quotient + 1
    return quotient


def split_minor(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split by weights with the largest-remainder method; the parts sum exactly to the total.

    Weights are non-negative with a positive sum; ties go to the earlier part.
    """
    if not weights or min(weights) < 0 or sum(weights) == 0:
        raise ValueError("weights must be non-negative with a positive sum")
    whole = sum(weights)
    sign = -1 if total_minor < 0 else 1
    shares = [divmod(abs(total_minor) * weight, whole) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    missing = abs(total_minor) - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda index: (-shares[index][1], index))
    for index in by_remainder[:missing]:
        parts[index] += 1
    return [sign * part for part in parts]
