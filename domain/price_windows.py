"""Whether windows of prices collide: no two of one facility, code and currency share a day."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from contracts.price_list import Price
from domain.pricing import EffectivePrice, PriceKey, price_key

NAMED_MAX: Final = 5


class _Window(NamedTuple):
    """A price's days; of the new list its place there, of an earlier one that list's id."""

    first: date
    last: date
    place: int
    price_list_id: str


def collisions(
    prices: Sequence[Price], published: Mapping[PriceKey, Sequence[EffectivePrice]]
) -> list[str]:
    """What collides, in words, at most five of them and how many more there are.

    Sorted by their first day, so a list of thousands is looked through once: each window is held
    against the one before it that lasts longest.
    """
    windows: defaultdict[PriceKey, list[_Window]] = defaultdict(list)
    for index, price in enumerate(prices):
        last = price.valid_to or date.max
        windows[price_key(price)].append(_Window(price.valid_from, last, index, ""))
    found = [text for key, new in windows.items() for text in _of_key(key, new, published)]
    more = len(found) - NAMED_MAX
    return [*found[:NAMED_MAX], f"and {more} more"] if more > 0 else found


def _of_key(
    key: PriceKey, new: list[_Window], published: Mapping[PriceKey, Sequence[EffectivePrice]]
) -> Iterator[str]:
    known = [
        _Window(price.valid_from, price.valid_to or date.max, -1, price.price_list_id)
        for price in published.get(key, ())
    ]
    longest: _Window | None = None
    for window in sorted([*known, *new]):
        if longest is not None and window.first <= longest.last:
            yield _in_words(key, *sorted((longest, window), key=lambda each: -each.place))
        if longest is None or window.last > longest.last:
            longest = window


def _in_words(key: PriceKey, window: _Window, other: _Window) -> str:
    facility, code, currency = key
    of = other.price_list_id or f"this list, prices[{other.place}]"
    return (
        f"prices[{window.place}]: {code} at {facility} in {currency} {_days(window)} overlaps "
        f"a price valid {_days(other)} of {of}"
    )


def _days(window: _Window) -> str:
    return f"from {window.first} " + ("on" if window.last == date.max else f"to {window.last}")
