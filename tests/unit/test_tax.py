"""The tax policy."""

from datetime import date

import pytest

from domain.tax import TaxRule, TaxRules, tax_minor

DAY = date(2026, 1, 2)


def rule(
    name: str,
    facility: str = "*",
    code: str = "*",
    first: date = date(2000, 1, 1),
    last: date | None = None,
) -> TaxRule:
    return TaxRule(name, facility, code, first, last, 100_000)


def found(rules: list[TaxRule], facility: str = "north", code: str = "1") -> str | None:
    best = TaxRules(tuple(rules)).find(facility, code, DAY)
    return None if best is None else best.rule


def test_without_a_rule_there_is_no_tax() -> None:
    assert found([]) is None
    assert found([rule("elsewhere", facility="south"), rule("other", code="2")]) is None


def test_the_most_specific_rule_is_in_force() -> None:
    rules = [
        rule("general"),
        rule("facility", facility="north"),
        rule("code", code="1"),
        rule("both", facility="north", code="1"),
    ]
    assert found(rules) == "both"
    assert found(rules[:3]) == "code"
    assert found(rules[:2]) == "facility"
    assert found(rules[:1]) == "general"
    assert found(rules, facility="south") == "code"
    assert found(rules, code="2") == "facility"


@pytest.mark.parametrize(
    ("one", "applies"),
    [
        (rule("r", first=DAY), True),
        (rule("r", last=DAY), True),
        (rule("r", first=date(2026, 1, 3)), False),
        (rule("r", last=date(2026, 1, 1)), False),
    ],
)
def test_a_rule_applies_from_its_first_to_its_last_day(one: TaxRule, applies: bool) -> None:
    assert (found([one]) == "r") is applies


@pytest.mark.parametrize(
    ("net_minor", "rate_ppm", "tax"),
    [
        (10_000, 72_500, 725),
        (10_000, 0, 0),
        (0, 72_500, 0),
        (100, 5_000, 0),  # 0.5 rounds to the even 0
        (300, 5_000, 2),  # 1.5 rounds to the even 2
        (500, 5_000, 2),  # 2.5 rounds to the even 2
        (999, 72_500, 72),
        (1, 1_000_000, 1),
        (9_000_000_000_000_000, 333_333, 2_999_997_000_000_000),
    ],
)
def test_tax_is_rounded_half_even(net_minor: int, rate_ppm: int, tax: int) -> None:
    assert tax_minor(net_minor, rate_ppm) == tax
