"""Money: integers in minor units, decimal strings outside, no rounding that is not asked for."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.currency import EXPONENTS
from contracts.money import (
    MINOR_MAX,
    CurrencyUnsupported,
    Money,
    MoneyInvalid,
    exponent,
    format_minor,
    half_even_ratio,
    parse_minor,
    parse_money,
    round_minor,
    split_minor,
)

Currencies = st.sampled_from(sorted(EXPONENTS))
Minors = st.integers(-MINOR_MAX, MINOR_MAX)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("USD", 2), ("GEL", 2), ("AFN", 2), ("EUR", 2), ("GBP", 2), ("JPY", 0), ("BHD", 3)],
)
def test_currencies_have_the_digits_of_the_standard(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["", "usd", "XXX", "EURO", "XAU", "BTC"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(CurrencyUnsupported):
        exponent(currency)
    with pytest.raises(CurrencyUnsupported):
        format_minor(1, currency)
    with pytest.raises(CurrencyUnsupported):
        parse_minor("1", currency)


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (12_500, "USD", "125.00"),
        (0, "USD", "0.00"),
        (1, "USD", "0.01"),
        (-1, "USD", "-0.01"),
        (-12_345, "USD", "-123.45"),
        (125, "JPY", "125"),
        (-125, "JPY", "-125"),
        (0, "JPY", "0"),
        (1, "BHD", "0.001"),
        (-12_345, "BHD", "-12.345"),
        (12_345, "CLF", "1.2345"),
        (MINOR_MAX, "USD", "90000000000000.00"),
    ],
)
def test_minor_units_as_a_decimal_string(minor: int, currency: str, amount: str) -> None:
    assert format_minor(minor, currency) == amount
    assert Money.of(minor, currency) == Money(amount=amount, currency=currency)
    assert Money.of(minor, currency).minor == minor
    assert parse_minor(amount, currency) == minor


@given(Minors, Currencies)
def test_every_amount_survives_the_way_out_and_in(minor: int, currency: str) -> None:
    assert parse_minor(format_minor(minor, currency), currency) == minor
    assert Decimal(format_minor(minor, currency)) == Decimal(minor).scaleb(-exponent(currency))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("125", "USD", 12_500),
        ("125.5", "USD", 12_550),
        ("125.500", "USD", 12_550),
        ("-0", "USD", 0),
        ("007", "USD", 700),
        ("125.0", "JPY", 125),
        ("0.1", "BHD", 100),
    ],
)
def test_what_callers_write_becomes_canonical(amount: str, currency: str, minor: int) -> None:
    assert parse_minor(amount, currency) == minor
    assert parse_money(amount, currency) == Money.of(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("125.001", "USD"),
        ("0.5", "JPY"),
        ("0.0001", "BHD"),
        ("1e3", "USD"),
        ("1,000", "USD"),
        (" 1", "USD"),
        ("1 ", "USD"),
        ("1\n", "USD"),
        ("", "USD"),
        (".5", "USD"),
        ("5.", "USD"),
        ("+5", "USD"),
        ("--5", "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("0x10", "USD"),
        ("\u0661\u0662", "USD"),  # Arabic-Indic digits
        ("90000000000000.01", "USD"),
        ("9" * 17, "JPY"),
    ],
)
def test_what_is_no_exact_amount_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(MoneyInvalid):
        parse_minor(amount, currency)


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_a_ratio_is_rounded_half_even_exactly(numerator: int, denominator: int) -> None:
    assert half_even_ratio(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("numerator", "rounded"), [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2), (4, 2)]
)
def test_halves_go_to_the_even_side(numerator: int, rounded: int) -> None:
    assert half_even_ratio(numerator, 2) == rounded


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.005", "USD", 0),
        ("0.015", "USD", 2),
        ("-0.015", "USD", -2),
        ("0.5", "JPY", 0),
        ("1.5", "JPY", 2),
        ("0.0005", "BHD", 0),
    ],
)
def test_decimals_are_rounded_half_even(amount: str, currency: str, minor: int) -> None:
    assert round_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e20"])
def test_decimals_that_are_no_amount_are_refused(amount: str) -> None:
    with pytest.raises(MoneyInvalid):
        round_minor(Decimal(amount), "USD")


def test_a_split_gives_the_rest_to_the_largest_remainders() -> None:
    assert split_minor(100, [1, 1, 1]) == [34, 33, 33]
    assert split_minor(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split_minor(100, [50, 30, 20]) == [50, 30, 20]
    assert split_minor(5, [1, 3]) == [1, 4]
    assert split_minor(1, [0, 1]) == [0, 1]
    assert split_minor(0, [1, 2]) == [0, 0]


Weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any)


@given(Minors, Weights)
def test_a_split_sums_exactly_and_is_off_by_less_than_one(minor: int, weights: list[int]) -> None:
    parts = split_minor(minor, weights)
    assert sum(parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(minor * weight, sum(weights))) < 1


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [-1]])
def test_a_split_needs_weights(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_minor(100, weights)
