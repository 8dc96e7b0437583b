"""Prices by facility, code, currency and local date; a facility's own price wins over the rest."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from contracts.price_list import ANY_FACILITY, Price


class EffectivePrice(NamedTuple):
    """A published price: its window (last day inclusive, None open), amount and price list."""

    valid_from: date
    valid_to: date | None
    amount_minor: int
    price_list_id: str

    def covers(self, day: date) -> bool:
        """Whether the price is in force on a local date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


PriceKey = tuple[str, str, str]
"""Facility, code and currency."""


@dataclass(slots=True)
class Prices:
    """The prices that a batch needs, by key."""

    windows: dict[PriceKey, list[EffectivePrice]] = field(default_factory=dict)

    def find(self, facility: str, code: str, currency: str, day: date) -> EffectivePrice | None:
        """The price in force at a facility on a local date."""
        for place in (facility, ANY_FACILITY):
            for price in self.windows.get((place, code, currency), ()):
                if price.covers(day):
                    return price
        return None

    def add(self, prices: Iterable[Price], price_list_id: str) -> None:
        """Take in what a price list publishes."""
        for price in prices:
            self.windows.setdefault(price_key(price), []).append(
                EffectivePrice(
                    price.valid_from, price.valid_to, price.unit_price.minor, price_list_id
                )
            )


def price_key(price: Price) -> PriceKey:
    """What the windows of a price must not overlap within."""
    return price.facility, price.code, price.unit_price.currency
