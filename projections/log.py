"""The log as Postgres has it, read by position: to fill gaps, to rebuild, to find a token."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from projections.recorded import Recorded, decoded
from projections.statements import AnyConnection, AnyPool, sql

BATCH_EVENTS_MAX: Final = 2_000
# An event may be 512 KiB, so that a batch is bounded by its bytes too.
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024

_READ: Final = sql("read_log")


async def read_log(
    connection: AnyConnection, after: int, until: int, *, events_max: int = BATCH_EVENTS_MAX
) -> list[Recorded]:
    """The events behind `after`, up to `until` or the batch's bounds; at least one if there is."""
    return _decoded(await connection.fetch(_READ, after, until, events_max, BATCH_BYTES_MAX))


async def replay(pool: AnyPool, after: int, until: int) -> AsyncIterator[list[Recorded]]:
    """The events behind `after` up to `until`, batch by batch, holding no connection between.

    Postgres reads the next batch while this one is decoded and worked on.
    """

    async def fetch(after: int) -> list[Any]:
        async with pool.acquire() as connection:
            return await connection.fetch(_READ, after, until, BATCH_EVENTS_MAX, BATCH_BYTES_MAX)

    ahead = asyncio.create_task(fetch(after))
    try:
        while rows := await ahead:
            ahead = asyncio.create_task(fetch(rows[-1][0]))
            await asyncio.sleep(0)  # lets the query go out first
            yield _decoded(rows)
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


def _decoded(rows: Iterable[Any]) -> list[Recorded]:
    return [
        Recorded(position, tenant, stream, version, key, type_, recorded_at, decoded(type_, body))
        for position, tenant, stream, version, key, type_, recorded_at, body in rows
    ]


async def head(connection: AnyConnection) -> int:
    """The last position of the log."""
    return int(await connection.fetchval("SELECT position FROM daybook.log_head") or 0)
