"""Answers by Idempotency-Key end: after 45 days, a few at a time, whichever process gets to it."""

import asyncio
from typing import Final

import asyncpg
import structlog

from relay.database import PASSING, raise_if_cancelled

_ROWS_MAX: Final = 5_000
_HOUR_SECONDS: Final = 3600
_log = structlog.get_logger()


async def expire_answers(pool: asyncpg.Pool) -> int:
    """Remove the answers of all tenants that are older than 45 days; how many there were."""
    removed = 0
    while True:
        # A transaction each, so that nothing is locked for long.
        some = int(await pool.fetchval("SELECT expire_answers($1)", _ROWS_MAX))
        removed += some
        if some < _ROWS_MAX:
            return removed


async def keep_expiring(
    pool: asyncpg.Pool, stopping: asyncio.Event, *, every_seconds: float = _HOUR_SECONDS
) -> None:
    """Expire answers now and then until `stopping` is set; the pool acts as daybook_writer."""
    while not stopping.is_set():
        try:
            removed = await expire_answers(pool)
            if removed:
                _log.info("answers expired", removed=removed)
        except PASSING as fault:
            raise_if_cancelled(fault)
            # Nobody waits for it: the next round removes what this one did not.
            _log.warning("answers not expired", error=str(fault))
        try:
            await asyncio.wait_for(stopping.wait(), every_seconds)
        except TimeoutError:
            continue
