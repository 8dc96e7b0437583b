"""Prices by facility, code, currency and day."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.price_list import Price
from domain.price_windows import collisions
from domain.pricing import EffectivePrice, Prices, price_key
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
    assert overlap(window, JANUARY) is shares_a_day
    assert overlap(JANUARY, window) is shares_a_day


def test_open_windows_always_overlap() -> None:
    assert overlap((date(2030, 1, 1), None), (date(2020, 1, 1), None))


Days = st.integers(0, 30).map(lambda number: date(2026, 1, 1) + timedelta(days=number))
Windows = st.tuples(Days, st.one_of(st.none(), Days)).filter(
    lambda window: window[1] is None or window[0] <= window[1]
)


@given(st.lists(Windows, min_size=2, max_size=6))
def test_a_list_collides_exactly_when_two_of_its_windows_do(windows: list[Any]) -> None:
    prices = [price(valid_from=first, valid_to=last) for first, last in windows]
    pairs = itertools.combinations(windows, 2)
    assert bool(collisions(prices, {})) is any(overlap(*pair) for pair in pairs)


def overlap(window: tuple[date, date | None], published: tuple[date, date | None]) -> bool:
    new = price(valid_from=window[0], valid_to=window[1])
    return bool(collisions([new], {price_key(new): [EffectivePrice(*published, 1, "prl_1")]}))
