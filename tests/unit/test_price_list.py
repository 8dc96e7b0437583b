"""Price lists: published once, without overlaps."""

from datetime import date
from typing import Any

import pytest

from contracts.ids import PriceListId
from contracts.money import Money
from contracts.price_list import Price, PriceListPublished, PricesAdded
from domain.price_list import (
    PRICE_LIST,
    PricesInForce,
    PricesOverlap,
    Published,
    PublishPriceList,
)
from domain.rejections import AlreadyExists, CurrencyUnsupported, Invalid
from tests.fixtures.clinic_events import price, published, usd
from tests.fixtures.scenario import given


def publish(*prices: Price, **fields: Any) -> PublishPriceList:
    return PublishPriceList(
        **{"price_list_id": PriceListId("prl_1"), "name": "2026", "prices": prices, **fields}
    )


def test_a_price_list_is_published() -> None:
    given(PRICE_LIST).when(publish(price())).then(published(price()))


def test_publishing_twice_is_a_retry() -> None:
    given(PRICE_LIST, published(price())).when(publish(price())).then_nothing()
    prices = [price(code=str(number)) for number in range(2_500)]
    scenario = given(PRICE_LIST)
    scenario.happened(*scenario.when(publish(*prices)).events)
    scenario.when(publish(*prices)).then_nothing()
    other = publish(*prices[:-1], price(code="other"))
    scenario.when(other).then_rejected(AlreadyExists, "with other content")


@pytest.mark.parametrize(
    "other",
    [publish(price(), name="2027"), publish(price(unit_price=usd(1))), publish(price(), price())],
)
def test_another_list_under_the_same_id_is_refused(other: PublishPriceList) -> None:
    given(PRICE_LIST, published(price())).when(other).then_rejected(AlreadyExists)


def test_a_repeat_is_told_by_less_where_an_older_release_kept_no_more() -> None:
    scenario = given(PRICE_LIST, published(price()))
    scenario.book.states["prl_1"] = Published(name="2026", price_count=1)
    scenario.when(publish(price(unit_price=usd(1)))).then_nothing()
    scenario.when(publish(price(), name="2027")).then_rejected(AlreadyExists)


@pytest.mark.parametrize(("count", "parts"), [(1_000, 1), (1_001, 2), (2_500, 3)])
def test_many_prices_come_in_parts_of_one_command(count: int, parts: int) -> None:
    prices = [price(code=str(number)) for number in range(count)]
    first, *rest = given(PRICE_LIST).when(publish(*prices)).events
    assert isinstance(first, PriceListPublished)
    assert first.price_count == count
    assert all(isinstance(event, PricesAdded) for event in rest)
    assert [p for event in (first, *rest) for p in event.prices] == prices  # type: ignore[attr-defined]  # both have them
    assert 1 + len(rest) == parts


def test_prices_of_one_list_do_not_overlap() -> None:
    prices = (price(), price(valid_from=date(2026, 6, 1)))
    given(PRICE_LIST).when(publish(*prices)).then_rejected(PricesOverlap, "of this list")


def test_every_collision_is_named_with_both_windows_and_the_rest_is_counted() -> None:
    later = [
        price(code=str(number), valid_from=date(2026, 3, 1), valid_to=date(2026, 3, 31))
        for number in range(7)
    ]
    known = [price(code=str(number), valid_to=date(2026, 3, 1)) for number in range(7)]
    command = publish(price(code="free"), *later, price_list_id=PriceListId("prl_2"))
    scenario = given(PRICE_LIST, published(*known)).when(command)
    scenario.then_rejected(
        PricesInForce,
        "prices[1]: 0 at north in USD from 2026-03-01 to 2026-03-31 overlaps a price valid "
        "from 2026-01-01 to 2026-03-01 of prl_1; prices[2]",
    )
    scenario.then_rejected(PricesInForce, "; and 2 more; what is published stays as it is")


def test_a_short_window_within_a_long_one_does_not_hide_a_third() -> None:
    prices = (
        price(valid_to=date(2026, 12, 31)),
        price(valid_from=date(2026, 2, 1), valid_to=date(2026, 2, 2)),
        price(valid_from=date(2026, 11, 1)),
    )
    outcome = given(PRICE_LIST).when(publish(*prices))
    outcome.then_rejected(PricesOverlap, "prices[1]")
    outcome.then_rejected(PricesOverlap, "prices[2]")


def test_ten_thousand_windows_of_one_code_are_looked_through_once() -> None:
    days = [date.fromordinal(700_000 + number) for number in range(10_000)]
    prices = [price(valid_from=day, valid_to=day) for day in reversed(days)]
    assert len(given(PRICE_LIST).when(publish(*prices)).events) == 10
    scenario = given(PRICE_LIST).when(publish(*prices, price(valid_from=days[-1])))
    scenario.then_rejected(PricesOverlap, "prices[10000]")


def test_prices_do_not_overlap_those_of_an_earlier_list() -> None:
    later = publish(price(code="1"), price(), price_list_id=PriceListId("prl_2"))
    scenario = given(PRICE_LIST, published(price())).when(later)
    scenario.then_rejected(PricesInForce, "prices[1]: 99213 at north in USD from 2026-01-01")


def test_a_list_that_contradicts_itself_is_invalid_whatever_else_it_is_in_the_way_of() -> None:
    later = publish(price(), price(), price_list_id=PriceListId("prl_2"))
    scenario = given(PRICE_LIST, published(price())).when(later)
    scenario.then_rejected(PricesOverlap, "of this list, prices[0]")
    assert (PricesOverlap.code, PricesInForce.code) == ("VALIDATION_FAILED", "STATE_CONFLICT")


@pytest.mark.parametrize(
    "other",
    [
        {"facility": "south"},
        {"facility": "*"},
        {"code": "99214"},
        {"unit_price": Money.of(1, "EUR")},
        {"valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31)},
    ],
)
def test_other_facilities_codes_currencies_and_years_do_not_overlap(other: Any) -> None:
    command = publish(price(**other), price_list_id=PriceListId("prl_2"))
    assert given(PRICE_LIST, published(price())).when(command).events


@pytest.mark.parametrize(
    ("bad", "why", "text"),
    [
        ({"unit_price": usd(-1)}, Invalid, "prices[1]: unit_price"),
        ({"valid_to": date(2025, 12, 31)}, Invalid, "prices[1]: valid_to"),
        ({"unit_price": Money(amount="1", currency="XXX")}, CurrencyUnsupported, "prices[1]"),
    ],
)
def test_a_price_that_is_none_refuses_the_list(bad: Any, why: Any, text: str) -> None:
    command = publish(price(code="1"), price(**bad))
    given(PRICE_LIST).when(command).then_rejected(why, text)


def test_a_price_may_be_zero_and_for_one_day() -> None:
    free = price(unit_price=usd(0), valid_to=date(2026, 1, 1))
    given(PRICE_LIST).when(publish(free)).then(published(free))


def test_an_empty_list_is_refused() -> None:
    given(PRICE_LIST).when(publish()).then_rejected(Invalid, "at least one")
