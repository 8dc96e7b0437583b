"""Replay: the whole log in order as a rebuild reads it, every body decoded into its shape."""

import time

import asyncpg

from projections import log


async def replay(pool: asyncpg.Pool) -> tuple[int, float]:
    """Events replayed and events per second; the pool acts as daybook_auditor."""
    async with pool.acquire() as connection:
        head = await log.head(connection)
    count = 0
    begun = time.perf_counter()
    async for batch in log.replay(pool, 0, head):
        count += len(batch)
    return count, count / (time.perf_counter() - begun)
