"""End to end: every process running, from publishing to the intake to what a query can see."""

import asyncio
import bisect
import time
from collections.abc import Sequence

import asyncpg
import msgspec

from relay.connection import Client
from relay.jetstream import StreamSettings
from relay.producer import send
from services.bench.workload import TENANT, charge_events
from services.intake.sending import outgoing

_POLL_SECONDS = 0.005
_CHUNK = 250
_SECONDS_MAX = 600
_SETTLED = (
    "SELECT (SELECT count(*) FROM billing_outbox) AS waiting,"
    " (SELECT position FROM log_head) AS head"
)


class EndToEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Sustained rate at full load, and the lag at a rate that leaves room."""

    charges_per_second: float
    paced_charges_per_second: float
    lag_p50_seconds: float
    lag_p99_seconds: float


async def end_to_end(
    pool: asyncpg.Pool,
    client: Client,
    settings: StreamSettings,
    *,
    first: int,
    count: int,
    pace: float = 0.5,
) -> EndToEnd:
    """Publish `count` charges as fast as they are taken, then as many at `pace` of that rate.

    The pool acts as daybook_auditor.
    """
    seconds, _ = await _run(pool, client, settings, first, count, rate=None)
    full = count / seconds
    _, lags = await _run(pool, client, settings, first + count, count // 2, rate=full * pace)
    lags.sort()
    return EndToEnd(
        charges_per_second=full,
        paced_charges_per_second=full * pace,
        lag_p50_seconds=lags[len(lags) // 2],
        lag_p99_seconds=lags[int(len(lags) * 0.99)],
    )


async def _run(
    pool: asyncpg.Pool,
    client: Client,
    settings: StreamSettings,
    first: int,
    count: int,
    *,
    rate: float | None,
) -> tuple[float, list[float]]:
    """Seconds until all are in the read models, and the lag of every published chunk."""
    base = await _settled(pool)
    published: list[tuple[int, float]] = []
    seen: list[tuple[int, float]] = []
    begun = time.perf_counter()
    producing = asyncio.create_task(_produce(client, settings, first, count, rate, published))
    while (projected := await _projected(pool) - base) < count:
        seen.append((projected, time.perf_counter()))
        if time.perf_counter() - begun > _SECONDS_MAX:
            raise TimeoutError(f"{projected} of {count} charges projected")
        await asyncio.sleep(_POLL_SECONDS)
    seen.append((projected, time.perf_counter()))
    await producing
    return time.perf_counter() - begun, _lags(published, seen)


async def _produce(
    client: Client,
    settings: StreamSettings,
    first: int,
    count: int,
    rate: float | None,
    published: list[tuple[int, float]],
) -> None:
    begun = time.perf_counter()
    for done in range(0, count, _CHUNK):
        size = min(_CHUNK, count - done)
        if rate is not None:
            await asyncio.sleep(max(0.0, begun + done / rate - time.perf_counter()))
        sent_at = time.perf_counter()
        events = charge_events(first + done, size)
        await send(client, (outgoing(TENANT, event, settings) for event in events))
        published.append((done + size, sent_at))


def _lags(published: Sequence[tuple[int, float]], seen: Sequence[tuple[int, float]]) -> list[float]:
    """From the sending of a chunk to the first look at which its last charge was visible."""
    counts = [count for count, _ in seen]
    return [seen[bisect.bisect_left(counts, last)][1] - sent_at for last, sent_at in published]


async def _settled(pool: asyncpg.Pool) -> int:
    """The head of the log, once everything that was before is in order and projected."""
    while True:
        row = await pool.fetchrow(_SETTLED)
        if row is not None and row["waiting"] == 0 and row["head"] == await _projected(pool):
            return int(row["head"])
        await asyncio.sleep(_POLL_SECONDS)


async def _projected(pool: asyncpg.Pool) -> int:
    """The position that every read model has seen; one charge is one event."""
    return int(
        await pool.fetchval(
            "SELECT coalesce(min(checkpoint), 0) FROM projections WHERE stage = 'live'"
        )
    )
