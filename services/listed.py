"""A page of what an operator lists: never cut short without saying so."""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import asyncpg
import msgspec

LISTED_MAX: Final = 100

Item = TypeVar("Item")


class Listed(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Some of what there is, in its order."""

    items: list[Item]
    more: int
    """How many there are behind these."""
    next: str | None
    """The id behind which the next page begins; None on the last one."""


def listed(items: Sequence[Item], ids: Sequence[str], found: int) -> Listed[Item]:
    """A page of `found` that there are from its beginning on."""
    more = found - len(ids)
    return Listed(items=list(items), more=more, next=ids[-1] if more > 0 else None)


def found_by(rows: Sequence[asyncpg.Record]) -> int:
    """How many there are in all, as each row of a page says in its column `found`."""
    return int(rows[0]["found"]) if rows else 0
