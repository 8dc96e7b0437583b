"""Whether a Postgres server, ours or a given one, is set up so that Daybook can work on it."""

from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

MAJOR_VERSION_MIN: Final = 18
"""The write path asks what a row was before it was updated (RETURNING old)."""
# A batch claims up to 500 identities, an advisory lock each. Where the lock table is full a command
# fails for want of shared memory, which looks as if the ledger were away.
LOCKS_MIN: Final = 256
_SETTINGS: Final = (
    "SELECT current_setting('server_version_num')::integer / 10000,"
    " current_setting('max_locks_per_transaction')::integer"
)
_NOT_DURABLE: Final = (
    "SELECT name FROM pg_settings WHERE setting = 'off'"
    " AND name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name"
)


async def shortcomings(connection: asyncpg.Connection | PoolConnectionProxy) -> list[str]:
    """What the server must have otherwise before anything works on it, each with what to do."""
    (row,) = await connection.fetch(_SETTINGS)
    version, locks = row
    found = []
    if version < MAJOR_VERSION_MIN:
        found.append(f"Postgres is version {version}, at least {MAJOR_VERSION_MIN} is needed")
    if locks < LOCKS_MIN:
        found.append(
            f"max_locks_per_transaction is {locks}, at least {LOCKS_MIN} is needed:"
            " set it and restart Postgres"
        )
    return found


async def not_durable(connection: asyncpg.Connection) -> list[str]:
    """Settings with which a crash of the server loses what was acknowledged."""
    return [row["name"] for row in await connection.fetch(_NOT_DURABLE)]
