"""What queries about ageing share: local dates, and buckets as a row has them."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from contracts.money import Money

BUCKETS: Final = (
    "current",
    "days_1_30",
    "days_31_60",
    "days_61_90",
    "days_over_90",
    "unbilled",
    "unallocated",
)


class LocalDates(msgspec.Struct, frozen=True, kw_only=True):
    """The calendar date at each facility with a time zone of its own, and at all others."""

    elsewhere: date
    at: Mapping[str, date] = {}

    def of(self, facility: str) -> date:
        """The date at a facility."""
        return self.at.get(facility, self.elsewhere)


def buckets(row: Any, currency: str) -> dict[str, Money]:
    """The fields of AgingBuckets."""
    return {name: Money.of(int(row[name]), currency) for name in BUCKETS}


def balance(row: Any, currency: str) -> dict[str, Money]:
    """The fields of AgedBalance."""
    owed_minor, credit_minor = sum(int(row[name]) for name in BUCKETS), int(row["credit"])
    return {
        **buckets(row, currency),
        "credit": Money.of(credit_minor, currency),
        "balance": Money.of(owed_minor - credit_minor, currency),
    }
