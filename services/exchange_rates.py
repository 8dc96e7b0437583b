"""A tenant's exchange rates for bills, loaded from CSV: what is loaded counts on its days."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

import asyncpg
import msgspec

from contracts.bill import BillSurface
from contracts.money import MoneyInvalid, exponent
from domain.exchange import ANY_SURFACE
from services.cannot_run import CannotRun
from services.tenant_view import tenant_view

COLUMNS: Final = ("from", "to", "rate", "first_day", "last_day", "surface")
_SURFACES: Final = (ANY_SURFACE, *BillSurface)
_TAKE_OUT: Final = (
    "DELETE FROM exchange_rates WHERE (tenant, surface, currency, into_currency) ="
    " ($1, $2, $3, $4) AND effective && daterange($5, $6, '[]') RETURNING effective, rate"
)
_PUT_BACK: Final = (
    "INSERT INTO exchange_rates SELECT $1, $2, $3, $4, piece, $8 FROM"
    " unnest(datemultirange($7::daterange) - datemultirange(daterange($5, $6, '[]'))) AS p (piece)"
)
_PUT: Final = (
    "INSERT INTO exchange_rates VALUES ($1, $2, $3, $4, daterange($5, $6, '[]'), $7::numeric)"
)
_LIST: Final = (
    "SELECT surface, currency, into_currency, rate, lower(effective) AS first_day,"
    " upper(effective) - 1 AS last_day FROM exchange_rates WHERE tenant = $1"
    " ORDER BY currency, into_currency, surface, effective"
)


class RatesUnusable(CannotRun):
    """A line of a file of rates that can be none; the text says which and why."""


class ExchangeRate(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of `currency` is worth in `into_currency`; days are inclusive."""

    currency: str
    into_currency: str
    rate: Decimal
    first_day: date
    last_day: date | None = None
    surface: str = ANY_SURFACE


def read_rates(lines: Iterable[str]) -> Iterator[ExchangeRate]:
    """The rates of a CSV with a heading (`COLUMNS`, the last two may be missing); raises
    RatesUnusable."""
    reader = csv.DictReader(lines)
    missing = set(COLUMNS[:4]) - set(reader.fieldnames or ())
    if missing:
        raise RatesUnusable(f"the heading lacks {', '.join(sorted(missing))}")
    for number, row in enumerate(reader, 2):
        try:
            yield _rate({name: (row.get(name) or "").strip() for name in COLUMNS})
        except (ValueError, InvalidOperation) as wrong:
            raise RatesUnusable(f"line {number}: {wrong or 'the rate is no number'}") from None


def _rate(row: dict[str, str]) -> ExchangeRate:
    rate, surface = Decimal(row["rate"]), row["surface"] or ANY_SURFACE
    for currency in (row["from"], row["to"]):
        exponent(currency)
    if row["from"] == row["to"]:
        raise MoneyInvalid("a currency is not exchanged for itself")
    if not rate.is_finite() or rate <= 0:
        raise MoneyInvalid(f"{rate} is no rate: it is more than zero")
    if surface not in _SURFACES:
        raise MoneyInvalid(f"{surface!r} is none of {', '.join(_SURFACES)}")
    last_day = date.fromisoformat(row["last_day"]) if row["last_day"] else None
    first_day = date.fromisoformat(row["first_day"])
    if last_day is not None and last_day < first_day:
        raise MoneyInvalid(f"the last day {last_day} lies before the first, {first_day}")
    return ExchangeRate(
        currency=row["from"],
        into_currency=row["to"],
        rate=rate,
        first_day=first_day,
        last_day=last_day,
        surface=surface,
    )


async def load_rates(pool: asyncpg.Pool, tenant: str, rates: Iterable[ExchangeRate]) -> int:
    """Put rates in the place of what counted on their days; how many there were.

    Items that were added keep the rate that they were added at. The pool acts as daybook_writer.
    """
    count = 0
    async with tenant_view(pool, tenant) as connection:
        for rate in rates:
            named = (tenant, rate.surface, rate.currency, rate.into_currency)
            days = (rate.first_day, rate.last_day)
            for row in await connection.fetch(_TAKE_OUT, *named, *days):
                await connection.execute(_PUT_BACK, *named, *days, row["effective"], row["rate"])
            await connection.execute(_PUT, *named, *days, rate.rate)
            count += 1
    return count


async def list_rates(pool: asyncpg.Pool, tenant: str) -> list[ExchangeRate]:
    """A tenant's rates, by currency and day."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        return [ExchangeRate(**dict(row)) for row in await connection.fetch(_LIST, tenant)]
