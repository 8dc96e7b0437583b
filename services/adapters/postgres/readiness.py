"""Whether Postgres can be worked with: it answers, and its schema is the one of this release."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import structlog

from relay.database import PASSING
from services.adapters.postgres.migrate import missing_migrations
from services.adapters.postgres.server import shortcomings

_PATIENCE_SECONDS: Final = 2.0
_log = structlog.get_logger()


def missing_of(pool: asyncpg.Pool) -> Callable[[], Awaitable[dict[str, str]]]:
    """A check of what is missing, by `postgres`, `settings` or `migrations`; empty for nothing."""

    async def missing() -> dict[str, str]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                async with pool.acquire() as connection:
                    unfit = await shortcomings(connection)
                    # A newer release may have migrated ahead of this process: that is no lack.
                    unapplied = await missing_migrations(connection)
        except PASSING as away:
            # The reason may hold addresses and names, which are for the log and not for callers.
            _log.warning("not ready", reason=repr(away))
            return {"postgres": "Postgres does not answer"}
        found = {}
        if unfit:
            found["settings"] = "; ".join(unfit)
        if unapplied:
            names = ", ".join(unapplied)
            found["migrations"] = f"not applied yet: {names}; run daybook migrate"
        return found

    return missing
