"""Replay: the whole log in order, every body decoded into its current shape."""

import time

import asyncpg

from contracts.catalogue import decode

_PAGE = 5_000
_READ = (
    "SELECT l.position, e.type, e.body FROM event_log l"
    " JOIN events e USING (tenant, stream_id, version)"
    " WHERE l.position > $1 AND l.position <= $1 + $2 ORDER BY l.position"
)


async def replay(pool: asyncpg.Pool) -> tuple[int, float]:
    """Events replayed and events per second; the pool acts as daybook_auditor."""
    position, count = 0, 0
    begun = time.perf_counter()
    while rows := await pool.fetch(_READ, position, _PAGE):
        for row in rows:
            decode(row["type"], row["body"])
        position = rows[-1]["position"]
        count += len(rows)
    return count, count / (time.perf_counter() - begun)
