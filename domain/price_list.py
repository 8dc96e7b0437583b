"""Price lists: published once, thousands of prices in chunks; windows never overlap."""

import hashlib

import msgspec

from contracts.ids import PriceListId
from contracts.money import MoneyInvalid, exponent
from contracts.price_list import PRICES_PER_EVENT_MAX, Price, PriceListPublished, PricesAdded
from domain.book import Book
from domain.decider import Decider, Decision, Rejected
from domain.price_windows import collisions
from domain.rejections import AlreadyExists, CurrencyUnsupported, Invalid


class PublishPriceList(msgspec.Struct, frozen=True, kw_only=True):
    """Put prices into effect."""

    price_list_id: PriceListId
    name: str
    prices: tuple[Price, ...]


class Published(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="published"):
    """A price list in effect. `digest` tells a repeat from another list under the same id."""

    name: str
    price_count: int
    digest: str | None = None  # not in states that older releases stored


PriceListState = Published
PriceListEvent = PriceListPublished | PricesAdded


class PricesOverlap(Invalid):
    """Two prices of the list, of one facility, code and currency, share a day."""


class PricesInForce(Rejected):
    """A price of another list, of the same facility, code and currency, has the day already."""


def decide(command: PublishPriceList, book: Book) -> Decision:
    """Publish a price list once."""
    match book.states.get(command.price_list_id):
        case None:
            _check(command, book)
            return [(command.price_list_id, event) for event in _publish(command)]
        case known if _is_repeat(command, known):
            return []  # Publishing twice is a retry, not an error.
        case _:
            raise AlreadyExists(
                f"price list {command.price_list_id} was published before, with other content: "
                "send this one under a key of its own"
            )


def _is_repeat(command: PublishPriceList, known: Published) -> bool:
    if (command.name, len(command.prices)) != (known.name, known.price_count):
        return False
    state: PriceListState | None = None
    for event in _publish(command):
        state = evolve(state, event)
    return known.digest is None or (state is not None and known.digest == state.digest)


def _check(command: PublishPriceList, book: Book) -> None:
    if not command.prices:
        raise Invalid("a price list needs at least one price")
    for index, price in enumerate(command.prices):
        _check_price(index, price)
    if found := collisions(command.prices, {}):
        raise PricesOverlap("; ".join(found))
    if found := collisions(command.prices, book.prices.windows):
        found.append("what is published stays as it is: choose days that are free")
        raise PricesInForce("; ".join(found))


def _check_price(index: int, price: Price) -> None:
    try:
        exponent(price.unit_price.currency)
    except MoneyInvalid as invalid:
        raise CurrencyUnsupported(f"prices[{index}]: {invalid}") from None
    if price.unit_price.minor < 0:
        raise Invalid(f"prices[{index}]: unit_price must not be negative")
    if price.valid_to is not None and price.valid_to < price.valid_from:
        raise Invalid(f"prices[{index}]: valid_to lies before valid_from")


def _publish(command: PublishPriceList) -> list[PriceListEvent]:
    chunks = [
        command.prices[start : start + PRICES_PER_EVENT_MAX]
        for start in range(0, len(command.prices), PRICES_PER_EVENT_MAX)
    ]
    first = PriceListPublished(
        price_list_id=command.price_list_id,
        name=command.name,
        price_count=len(command.prices),
        prices=chunks[0],
    )
    rest = [PricesAdded(price_list_id=command.price_list_id, prices=chunk) for chunk in chunks[1:]]
    return [first, *rest]


def evolve(state: PriceListState | None, event: PriceListEvent) -> PriceListState | None:
    """The price list after an event."""
    match event:
        case PriceListPublished():
            digest = _digest("", event.prices)
            return Published(name=event.name, price_count=event.price_count, digest=digest)
        case PricesAdded() if state is not None and state.digest is not None:
            return msgspec.structs.replace(state, digest=_digest(state.digest, event.prices))
        case _:
            return state


def _digest(before: str, prices: tuple[Price, ...]) -> str:
    """SHA-256 in hex of the prices so far: of the digest before and the next ones as JSON."""
    return hashlib.sha256(before.encode() + msgspec.json.encode(prices)).hexdigest()


PRICE_LIST = Decider("prl", decide, evolve, PriceListState)
