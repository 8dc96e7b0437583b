"""How a tenant works: its time zones, tax rules, sealed period, refund thresholds, accrual."""

from datetime import date, datetime
from typing import Final

import msgspec

from domain.accrual import AccrualPolicy
from domain.book import Book, Calendar
from domain.tax import TaxRule, TaxRules
from services.execute.statements import AnyConnection, sql

_decode_zones: Final = msgspec.json.Decoder(dict[str, str]).decode
_decode_thresholds: Final = msgspec.json.Decoder(dict[str, int]).decode
_decode_rules: Final = msgspec.json.Decoder(
    list[tuple[str, str, str, date, date | None, int]]
).decode
_decode_accrual: Final = msgspec.json.Decoder(dict[str, AccrualPolicy]).decode
_SETTINGS: Final = sql("load_settings.sql")


async def new_books(
    connection: AnyConnection, tenants: list[str], recorded_at: datetime
) -> dict[str, Book]:
    """Books that hold nothing but how each tenant works."""
    books = {}
    for row in await connection.fetch(_SETTINGS, tenants):
        zones = _decode_zones(row["zones"]) if row["zones"] else {}
        thresholds = row["refund_thresholds"]
        rules = _decode_rules(row["tax_rules"]) if row["tax_rules"] else []
        books[row["tenant"]] = Book(
            tenant=row["tenant"],
            recorded_at=recorded_at,
            calendar=Calendar(row["time_zone"], zones, row["sealed_through"]),
            tax_rules=TaxRules(tuple(TaxRule(*rule) for rule in rules)),
            refund_thresholds=_decode_thresholds(thresholds) if thresholds else {},
            accrual=_decode_accrual(row["accrual"]) if row["accrual"] else {},
        )
    return books
