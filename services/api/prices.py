"""The prices of a price list over HTTP, page by page."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar.di import NamedDependency
from msgspec import Meta

from contracts.money import Money
from projections.cursor import CursorInvalid, decode_cursor, encode_cursor
from services.api.ledger import Ledger
from services.api.parameters import Cursor, Limit, PriceListPath
from services.api.price_lists import InForceOn, OfCode, OfCurrency, OfFacilityOrAll
from services.api.reading import Reading
from services.api.routes import query

_CURSOR: Final = "prices"
_START: Final = ("", "", "", date.min)
_PAGE: Final = (
    "SELECT facility, code, currency, amount_minor, lower(effective) AS valid_from,"
    " upper(effective) - 1 AS valid_to FROM daybook.prices"
    " WHERE price_list_id = $1"  # of the caller's tenant, by row-level security (price_lists.py)
    " AND (facility, code, currency, lower(effective)) > ($2, $3, $4, $5::date)"
    " AND ($7::text IS NULL OR facility = $7) AND ($8::text IS NULL OR code = $8)"
    " AND ($9::text IS NULL OR currency = $9) AND ($10::date IS NULL OR effective @> $10)"
    " ORDER BY facility, code, currency, lower(effective) LIMIT $6"
)


class ListedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The unit price of a code at a facility within a window of local dates."""

    facility: Annotated[str, Meta(description="a facility, or * for any without its own price")]
    code: str
    unit_price: Money
    valid_from: date
    valid_to: Annotated[date | None, Meta(description="last day, inclusive; null: open end")]


class PricePage(msgspec.Struct, frozen=True, kw_only=True):
    """Prices by facility, code, currency and first day."""

    items: tuple[ListedPrice, ...]
    cursor: Annotated[str | None, Meta(description="asks for the next page; null on the last")]


@query(
    "/price-lists/{price_list_id:str}/prices",
    summary="List the prices of a price list",
    codes=("NOT_FOUND",),
)
async def list_prices(
    reading: NamedDependency[Reading],
    ledger: NamedDependency[Ledger],
    price_list_id: PriceListPath,
    facility: OfFacilityOrAll = None,
    code: OfCode = None,
    currency: OfCurrency = None,
    on: InForceOn = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PricePage:
    """What was published, by facility, code, currency and first day; it can be read at once."""
    async with reading.connection() as connection:
        after = _key(cursor) if cursor else _START
        wanted = (facility, code, currency, on)
        rows = await connection.fetch(_PAGE, price_list_id, *after, limit + 1, *wanted)
    if not rows:
        await ledger.find(reading.tenant, price_list_id)
    items = tuple(_price(row) for row in rows[:limit])
    return PricePage(items=items, cursor=_behind(items[-1]) if len(rows) > limit else None)


def _key(cursor: str) -> tuple[str, str, str, date]:
    facility, code, currency, first = decode_cursor(_CURSOR, cursor, str, str, str, str)
    try:
        return facility, code, currency, date.fromisoformat(first)
    except ValueError:
        raise CursorInvalid(f"{cursor[:100]!r} is no cursor of this query") from None


def _behind(last: ListedPrice) -> str:
    key = (last.facility, last.code, last.unit_price.currency, last.valid_from.isoformat())
    return encode_cursor(_CURSOR, *key)


def _price(row: Any) -> ListedPrice:
    return ListedPrice(
        facility=row["facility"],
        code=row["code"],
        unit_price=Money.of(row["amount_minor"], row["currency"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
    )
