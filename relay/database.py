"""What the relay's modules share of Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""One's own, or one of a pool."""

# What a broken connection, a server that is away or a pool without connections raises; asyncpg's
# internal error comes when a connection is used again while it notices that it is broken.
PASSING: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

# Plans are made while the tables are small and kept; by position and by key there is one good way
# to read them, however many rows they have by then. A pool undoes this on release.
PLAN_BY_KEY: Final = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET plan_cache_mode = force_generic_plan"
)


def raise_if_cancelled(fault: Exception) -> None:
    """To be called by what goes on after a fault; raises CancelledError in a cancelled task.

    What a driver raises as it gives a connection back takes the place of the cancellation, which
    comes once: a loop that went on would never end, and whoever waits for it neither.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from fault


@asynccontextmanager
async def listening(
    connection: Connection, channel: str, heard: Callable[..., None]
) -> AsyncIterator[None]:
    """Call `heard` for each notification of a channel."""
    await connection.add_listener(channel, heard)
    try:
        yield
    finally:
        try:
            await connection.remove_listener(channel, heard)
            # The listeners of a broken one stay, and its pool would warn of them.
            is_broken = connection.is_closed()
        except PASSING:
            is_broken = True
        if is_broken:
            with suppress(asyncpg.InterfaceError):  # it may have left its pool by itself
                connection.terminate()  # this way the pool gets rid of it
