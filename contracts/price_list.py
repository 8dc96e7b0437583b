"""What happens to a price list: prices by facility, code and currency with effective windows."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import Event
from contracts.ids import PriceListId
from contracts.money import Money

PRICES_PER_EVENT_MAX = 1000
ANY_FACILITY = "*"


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The unit price of a code at a facility within a window of local dates."""

    facility: Annotated[str, Meta(description="a facility, or * for any without its own price")]
    code: str
    unit_price: Money
    valid_from: date
    valid_to: Annotated[date | None, Meta(description="last day, inclusive; null: open end")] = None


class PriceListPublished(Event, frozen=True, kw_only=True):
    """A price list took effect; further prices follow as `prices_added`."""

    price_list_id: PriceListId
    name: str
    price_count: int
    prices: tuple[Price, ...]


class PricesAdded(Event, frozen=True, kw_only=True):
    """More prices of a list that is too long for one event; part of the same command."""

    price_list_id: PriceListId
    prices: tuple[Price, ...]
