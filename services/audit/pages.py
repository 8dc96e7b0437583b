"""Reads the log and the outbox page by page, one page ahead of whoever checks them."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any, Final

import asyncpg

from projections.statements import AnyConnection

PAGE_EVENTS: Final = 2_000
PAGE_COMMANDS: Final = 500
PAGE_BYTES: Final = 8 * 1024 * 1024
_UNBOUNDED: Final = 1 << 62


def sql(name: str) -> str:
    """The text of `sql/<name>.sql` of this package."""
    return (files("services.audit") / "sql" / f"{name}.sql").read_text()


_PLACED: Final = sql("placed") + sql("facts")
_WAITING: Final = sql("waiting") + sql("facts")

Row = asyncpg.Record
"""An event with what is kept of it; the columns are those of sql/facts.sql."""


def placed(connection: AnyConnection, after: int) -> AsyncIterator[list[Row]]:
    """The events behind a position, in the order of the log."""
    return _pages(connection, _PLACED, after, PAGE_EVENTS, PAGE_BYTES)


async def placed_until(connection: AnyConnection, after: int, last: int) -> list[Row]:
    """The events behind a position and up to another, which are few."""
    found: list[Row] = []
    while after < last:
        rows = await connection.fetch(_PLACED, after, PAGE_EVENTS, PAGE_BYTES)
        if not rows:
            break
        found += [row for row in rows if row["position"] <= last]
        after = rows[-1]["position"]
    return found


def waiting(connection: AnyConnection) -> AsyncIterator[list[Row]]:
    """The events that have no position yet, in the order in which they will get one."""
    return _pages(connection, _WAITING, 0, PAGE_COMMANDS, _UNBOUNDED)


async def _pages(
    connection: AnyConnection, statement: str, after: int, *bounds: int
) -> AsyncIterator[list[Row]]:
    prepared = await connection.prepare(statement)

    async def fetch(key: int) -> list[Any]:
        return await prepared.fetch(key, *bounds)

    ahead = asyncio.create_task(fetch(after))
    try:
        while page := await ahead:
            ahead = asyncio.create_task(fetch(page[-1]["key"]))
            await asyncio.sleep(0)  # lets the query go out before the page is worked on
            yield page
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)
