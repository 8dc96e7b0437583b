"""A transaction that sees the rows of tenants: row-level security shows nothing without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

_Isolation: TypeAlias = Literal["repeatable_read"] | None


@asynccontextmanager
async def tenant_view(
    pool: asyncpg.Pool, *tenants: str, readonly: bool = False
) -> AsyncIterator[PoolConnectionProxy]:
    """A transaction that sees these tenants, and may do to them what the pool's role may.

    All that is read in a `readonly` one is of one moment.
    """
    isolation: _Isolation = "repeatable_read" if readonly else None
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation=isolation, readonly=readonly),
    ):
        await connection.execute(
            "SELECT set_config('daybook.tenants', $1, true)", ",".join(tenants)
        )
        yield connection
