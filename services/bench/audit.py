"""The audit: events per second of the log alone and of everything, and the memory that takes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from projections.builds import ensure_live
from projections.follow import Follower
from projections.log import head, replay
from projections.projection import REGISTRY
from relay.lease import Lease, acquire
from relay.sequencer import Sequencer
from services.audit.signer import Signer
from services.audit.verify import verify
from services.bench import workload
from services.bench.replay import replay as replaying
from services.execute.executor import Executor
from services.wiring import migrate, open_pool

DATABASE: Final = "bench_audit"
CHECKPOINTS: Final = 10
_LOOK_SECONDS: Final = 0.02


class Audited(NamedTuple):
    """How fast, beside a replay of the same log; how much more memory than before it began."""

    replay_per_second: float
    log_per_second: float
    log_per_cpu_second: float
    log_memory_bytes: int
    deep_per_second: float
    deep_per_cpu_second: float
    deep_memory_bytes: int


async def bench_audit(url: str, charges: int) -> Audited:
    """Measure in a database of its own; `url` is a superuser's."""
    async with _ledger(url, charges) as own:
        pool = await open_pool(own, "daybook_auditor", size_max=2)
        try:
            # The first run makes plans and fills caches; the second is measured.
            for _ in range(2):
                log = await _timed(pool, deep=False)
            _, replayed = await replaying(pool)
            return Audited(replayed, *log, *await _timed(pool, deep=True))
        finally:
            await pool.close()


async def _timed(pool: asyncpg.Pool, *, deep: bool) -> tuple[float, float, int]:
    """Events a second, a second of this process's own processor, and bytes on top."""
    before = most = psutil.Process().memory_info().rss
    worked = time.process_time()
    verifying = asyncio.create_task(verify(pool, deep=deep))
    while not verifying.done():
        await asyncio.wait({verifying}, timeout=_LOOK_SECONDS)
        most = max(most, psutil.Process().memory_info().rss)
    report = await verifying
    worked = time.process_time() - worked
    if not report.is_well:
        raise RuntimeError(f"the benchmark's ledger is not well: {report.findings[0]}")
    return report.events / report.seconds, report.events / worked, most - before


@asynccontextmanager
async def _ledger(url: str, charges: int) -> AsyncIterator[str]:
    """A database of its own with charges that were executed, sequenced, signed and projected."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            own = urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}"))
            await _fill(own, charges)
            yield own
        finally:
            await server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    finally:
        await server.close()


async def _fill(url: str, charges: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
        async with AsyncExitStack() as undo:
            writer = await open_pool(url, "daybook_writer", size_max=4)
            undo.push_async_callback(writer.close)
            executor = await undo.enter_async_context(Executor(writer))
            await workload.prepare(executor)
            sequencing = await open_pool(url, "daybook_sequencer", size_max=2)
            undo.push_async_callback(sequencing.close)
            for first in range(0, charges, charges // CHECKPOINTS):
                commands = workload.charge_envelopes(first, charges // CHECKPOINTS)
                workload.check(await executor.execute_all(commands))
                await _sequence(sequencing)
            projecting = await open_pool(url, "daybook_projector", size_max=4)
            undo.push_async_callback(projecting.close)
            await _project(projecting)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _sequence(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        sequencer = await Sequencer.start(connection, await _lead(connection, "sequencer"))
        while await sequencer.step() is not None:
            pass
        lease = await _lead(connection, "signer")
        await (await Signer.start(connection, lease, bytes(32), _nothing_outside)).sign()


async def _lead(connection: asyncpg.pool.PoolConnectionProxy, name: str) -> Lease:
    await connection.execute("UPDATE leases SET expires_at = '-infinity' WHERE name = $1", name)
    lease = await acquire(connection, name=name, owner="bench", seconds=600)
    if lease is None:
        raise RuntimeError("somebody else leads in the benchmark's database")
    return lease


async def _nothing_outside(_log_id: str) -> bytes | None:
    return None


async def _project(pool: asyncpg.Pool) -> None:
    for projection in REGISTRY:
        async with pool.acquire() as connection:
            build = await ensure_live(connection, projection)
            follower = await Follower.take_over(
                projection, build, build.fence + 1, connection, lambda a, u: replay(pool, a, u)
            )
            await follower.catch_up(await head(connection))
