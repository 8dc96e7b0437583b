"""An export of the general ledger: entries per second from Postgres to a folder, and its memory."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from contracts.gl_export import GlExportFormat, GlExportRequested
from contracts.ids import GlExportId
from projections.builds import ensure_live
from projections.projection import projection_named
from services.gl_export.exporting import export
from services.wiring import migrate, object_store, open_pool

DATABASE: Final = "bench_gl_export"
_LOOK_SECONDS: Final = 0.02
# Two lines a transaction, a thousand transactions a day, in the order of the log.
_FILL: Final = """
INSERT INTO read.general_ledger_entries (position, line, tenant, transaction_id, type, gl_account,
    account_id, facility, currency, amount_minor, balance_minor, effective_on, booked_on,
    recorded_at)
SELECT p, line, 'bench', 'chg_' || md5(p::text) || '-1', 'billing.charge.captured.v1',
       CASE line WHEN 1 THEN '1100' ELSE '4000' END,
       'acc_' || md5((p % 5000)::text), 'north', 'USD',
       CASE line WHEN 1 THEN 12500 ELSE -12500 END, 0, day, day, day + interval '12 hours'
  FROM generate_series(1, $1::integer) AS p, generate_series(1, 2) AS line,
       LATERAL (SELECT date '2020-01-01' + p / 1000 AS day) AS days
"""


class Exported(NamedTuple):
    """How fast, and how much more memory than before it began."""

    entries_per_second: float
    memory_bytes: int


async def bench_gl_export(url: str, entries: int) -> Exported:
    """Measure in a database of its own; `url` is a superuser's."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            return await _measure(urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}")), entries)
        finally:
            await server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    finally:
        await server.close()


async def _measure(url: str, entries: int) -> Exported:
    await _fill(url, entries)
    async with AsyncExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory())
        reader = await open_pool(url, "daybook_reader", size_max=1)
        undo.push_async_callback(reader.close)
        request = GlExportRequested(
            gl_export_id=GlExportId("gle_bench"),
            booked_from=date(2020, 1, 1),
            booked_to=date(2199, 12, 31),
            format=GlExportFormat.CSV,
        )
        store = object_store(Path(folder).as_uri())
        before = most = psutil.Process().memory_info().rss
        begun = time.perf_counter()
        exporting = asyncio.create_task(export(reader, store, "bench", request, entries))
        while not exporting.done():
            await asyncio.wait({exporting}, timeout=_LOOK_SECONDS)
            most = max(most, psutil.Process().memory_info().rss)
        seconds = time.perf_counter() - begun
        return Exported((await exporting).row_count / seconds, most - before)


async def _fill(url: str, entries: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
        await connection.execute("SET role daybook_projector")
        await ensure_live(connection, projection_named("general_ledger"))
        await connection.execute("RESET role")
        await connection.execute(_FILL, entries // 2)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
