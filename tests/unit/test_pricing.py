"""Prices by facility, code, currency and day."""

from datetime import date

import pytest

from contracts.price_list import Price
from domain.pricing import EffectivePrice, Prices, overlap
from tests.fixtures.clinic_events import price, usd

JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def prices(*published: Price) -> Prices:
    found = Prices()
    found.add(published, "prl_1")
    return found


def amount(found: Prices, facility: str = "north", day: date = date(2026, 1, 2)) -> int | None:
    price = found.find(facility, "99213", "USD", day)
    return None if price is None else price.amount_minor


def test_a_facilitys_own_price_wins_over_the_general_one() -> None:
    found = prices(price(facility="*", unit_price=usd(1)), price(unit_price=usd(2)))
    assert (amount(found, "north"), amount(found, "south")) == (2, 1)


def test_the_general_price_fills_the_gaps_of_a_facilitys_own() -> None:
    found = prices(
        price(facility="*", unit_price=usd(1)),
        price(unit_price=usd(2), valid_from=date(2026, 2, 1)),
    )
    assert amount(found, day=date(2026, 1, 31)) == 1
    assert amount(found, day=date(2026, 2, 1)) == 2


@pytest.mark.parametrize(
    ("day", "covered"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 1, 31), True),
        (date(2026, 2, 1), False),
    ],
)
def test_a_window_includes_its_first_and_its_last_day(day: date, covered: bool) -> None:
    assert EffectivePrice(*JANUARY, 1, "prl_1").covers(day) is covered


def test_an_open_window_never_ends() -> None:
    assert EffectivePrice(date(2026, 1, 1), None, 1, "prl_1").covers(date(9999, 12, 31))


@pytest.mark.parametrize(
    ("window", "shares_a_day"),
    [
        ((date(2025, 1, 1), date(2025, 12, 31)), False),
        ((date(2025, 1, 1), date(2026, 1, 1)), True),
        ((date(2025, 1, 1), None), True),
        ((date(2026, 1, 10), date(2026, 1, 20)), True),
        ((date(2026, 1, 31), None), True),
        ((date(2026, 2, 1), None), False),
    ],
)
def test_windows_overlap_when_they_share_a_day(
    window: tuple[date, date | None], shares_a_day: bool
) -> None:
    new = price(valid_from=window[0], valid_to=window[1])
    assert overlap(new, EffectivePrice(*JANUARY, 1, "")) is shares_a_day
    turned = price(valid_from=JANUARY[0], valid_to=JANUARY[1])
    assert overlap(turned, EffectivePrice(*window, 1, "")) is shares_a_day


def test_open_windows_always_overlap() -> None:
    new = price(valid_from=date(2030, 1, 1))
    assert overlap(new, EffectivePrice(date(2020, 1, 1), None, 1, ""))
