"""Price lists over HTTP: publish one, read one, list them."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.ids import PriceListId
from contracts.inbound import Code, Line
from contracts.price_list import Price, PriceListPublished
from domain.price_list import Published, PublishPriceList
from projections.cursor import decode_cursor, encode_cursor
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.parameters import FACILITY_OR_ALL, STORABLE, Cursor, Limit, PriceListPath
from services.api.reading import Reading
from services.api.routes import command, created, query

PRICES_MAX: Final = 20_000
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_CURSOR: Final = "price_lists"
# The condition on the id is that of the index stream_heads_of_price_lists. OFFSET 0 keeps to a look
# at each list in turn, until the page is full. Whose prices they are, row-level security knows:
# with the tenant named, Postgres without statistics read all prices of the tenant for each list.
_PAGE: Final = (
    "SELECT h.stream_id, h.version, h.state FROM daybook.stream_heads h"
    r" WHERE h.tenant = current_setting('daybook.tenants') AND h.stream_id LIKE 'prl\_%'"
    " AND h.stream_id > $1 AND EXISTS (SELECT FROM daybook.prices p"
    " WHERE p.price_list_id = h.stream_id"
    " AND ($3::text IS NULL OR p.facility = $3) AND ($4::text IS NULL OR p.code = $4)"
    " AND ($5::text IS NULL OR p.currency = $5) AND ($6::date IS NULL OR p.effective @> $6)"
    " OFFSET 0)"
    " ORDER BY h.stream_id LIMIT $2"
)
_decode_head: Final = msgspec.json.Decoder(Published).decode

PriceFacility = Annotated[
    str,
    Meta(
        description="a facility, or * for any without a price of its own",
        min_length=1,
        max_length=64,
        pattern=FACILITY_OR_ALL,
    ),
]


OfFacilityOrAll = Annotated[
    str | None,
    QueryParameter(
        name="facility",
        required=False,
        description="only with a price of this facility, or `*` for the general ones",
        max_length=64,
        pattern=FACILITY_OR_ALL,
    ),
]
OfCode = Annotated[
    str | None,
    QueryParameter(
        name="code",
        required=False,
        description="only with a price of this code",
        max_length=64,
        pattern=STORABLE,
    ),
]
OfCurrency = Annotated[
    str | None,
    QueryParameter(
        name="currency",
        required=False,
        description="only with a price in this currency",
        max_length=3,
        pattern=STORABLE,
    ),
]
InForceOn = Annotated[
    date | None,
    QueryParameter(name="on", required=False, description="only with a price in force on this day"),
]


class WantedPrice(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The unit price of a code at a facility within a window of local dates."""

    facility: PriceFacility
    code: Code
    unit_price: Amount
    valid_from: date
    valid_to: Annotated[date | None, Meta(description="last day, inclusive; open if left out")] = (
        None
    )


class PublishPriceListRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Put prices into effect. Windows of one facility, code and currency never overlap."""

    name: Line
    prices: Annotated[tuple[WantedPrice, ...], Meta(min_length=1, max_length=PRICES_MAX)]


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """A price list in effect."""

    price_list_id: PriceListId
    name: str
    price_count: int
    version: Annotated[int, Meta(description="version of the price list")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class PriceListSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A price list in effect."""

    price_list_id: PriceListId
    name: str
    price_count: int
    version: Annotated[int, Meta(description="version of the price list")]


class PriceLists(msgspec.Struct, frozen=True, kw_only=True):
    """Price lists by id."""

    items: tuple[PriceListSummary, ...]
    cursor: Annotated[str | None, Meta(description="asks for the next page; null on the last")]


@command(
    "/price-lists",
    PublishPriceList,
    summary="Publish a price list",
    codes=("CURRENCY_UNSUPPORTED", "STATE_CONFLICT", "ALREADY_EXISTS"),
    of_account=False,
    body_bytes_max=BODY_BYTES_MAX,
)
async def publish_price_list(
    data: JSONBody[PublishPriceListRequest],
    call: NamedDependency[Call],
) -> Response[PriceList]:
    """Prices by facility, code and currency, up to 20,000 in one request of 8 MiB at most.

    Windows that overlap each other are refused, with 409 those that overlap what was published
    before, and the problem says which do. What is published stays as it is, so state `valid_to`
    where another price may follow. A facility's own price goes before the general one, which is
    that of facility `*`.
    """
    published = await call.execute(
        data,
        PublishPriceList(
            price_list_id=PriceListId(call.new_id("prl")),
            name=data.name,
            prices=tuple(_price(price) for price in data.prices),
        ),
    )
    price_list = _price_list(published)
    return created(f"/v1/price-lists/{price_list.price_list_id}", price_list, published)


@query("/price-lists/{price_list_id:str}", summary="Read a price list", codes=("NOT_FOUND",))
async def get_price_list(
    reading: NamedDependency[Reading],
    ledger: NamedDependency[Ledger],
    price_list_id: PriceListPath,
) -> PriceList:
    """The price list as it stands in the log; what was published can be read at once."""
    return _price_list(await ledger.find(reading.tenant, price_list_id))


@query("/price-lists", summary="List price lists")
async def list_price_lists(
    reading: NamedDependency[Reading],
    facility: OfFacilityOrAll = None,
    code: OfCode = None,
    currency: OfCurrency = None,
    on: InForceOn = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PriceLists:
    """Price lists with their prices, by id; filters are about one and the same price of a list."""
    async with reading.connection() as connection:
        after = decode_cursor(_CURSOR, cursor, str)[0] if cursor else ""
        wanted = (facility, code, currency, on)
        rows = await connection.fetch(_PAGE, after, limit + 1, *wanted)
    items = tuple(_summary(row) for row in rows[:limit])
    more = len(rows) > limit
    return PriceLists(
        items=items, cursor=encode_cursor(_CURSOR, items[-1].price_list_id) if more else None
    )


def _price(price: WantedPrice) -> Price:
    return Price(
        facility=price.facility,
        code=price.code,
        unit_price=price.unit_price.money,
        valid_from=price.valid_from,
        valid_to=price.valid_to,
    )


def _price_list(published: Recorded) -> PriceList:
    event: PriceListPublished = published.event
    return PriceList(
        price_list_id=event.price_list_id,
        name=event.name,
        price_count=event.price_count,
        version=published.version,
        token=published.token,
    )


def _summary(row: Any) -> PriceListSummary:
    head = _decode_head(row["state"])
    return PriceListSummary(
        price_list_id=PriceListId(row["stream_id"]),
        name=head.name,
        price_count=head.price_count,
        version=row["version"],
    )
