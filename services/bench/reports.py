"""Reports: ageing of 10,000 accounts with 100,000 open invoices, and the revenue of a year."""

import time
from collections.abc import Awaitable, Callable
from datetime import date
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from projections.aging import Asked, refresh
from projections.builds import ensure_live, enter
from projections.projection import projection_named
from projections.revenue_queries import revenue
from services.tenant_view import tenant_view
from services.wiring import migrate, open_pool

DATABASE: Final = "bench_reports"
TENANT: Final = "bench"
TODAY: Final = date(2026, 12, 31)
EARLIER: Final = date(2026, 10, 1)
RUNS: Final = 5
_FILLS: Final = {"account_balances": "fill_reports", "general_ledger": "fill_totals"}


class Reports(NamedTuple):
    """Seconds of each, the median of a few."""

    aging_today: float
    aging_earlier: float
    revenue: float


async def bench_reports(url: str) -> Reports:
    """Measure in a database of its own."""
    server = await asyncpg.connect(url)
    try:
        await server.execute("DROP DATABASE IF EXISTS bench_reports WITH (FORCE)")
        await server.execute("CREATE DATABASE bench_reports")
        try:
            return await _measure(urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}")))
        finally:
            await server.execute("DROP DATABASE bench_reports WITH (FORCE)")
    finally:
        await server.close()


async def _measure(url: str) -> Reports:
    owner = await asyncpg.connect(url)
    try:
        await migrate(owner)
    finally:
        await owner.close()
    await _fill(url)
    pool = await open_pool(url, "daybook_reporter", size_max=1)

    async def aging(as_of: date) -> None:
        asked = [Asked(f"facility-{number}", as_of, "UTC") for number in range(5)]
        async with tenant_view(pool, TENANT) as connection:
            await refresh(connection, asked)

    async def year() -> None:
        async with tenant_view(pool, TENANT) as connection:
            await revenue(connection, booked_from=date(2026, 1, 1), booked_to=TODAY)

    try:
        return Reports(
            await _median_seconds(lambda: aging(TODAY)),
            await _median_seconds(lambda: aging(EARLIER)),
            await _median_seconds(year),
        )
    finally:
        await pool.close()


async def _fill(url: str) -> None:
    pool = await open_pool(url, "daybook_projector", size_max=1)
    try:
        for name, fill in _FILLS.items():
            async with pool.acquire() as connection:
                await enter(connection, await ensure_live(connection, projection_named(name)))
                text = files("services.bench") / "sql" / f"{fill}.sql"
                await connection.execute(text.read_text())
                await connection.execute("RESET ALL")
    finally:
        await pool.close()


async def _median_seconds(run: Callable[[], Awaitable[None]]) -> float:
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        await run()
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[RUNS // 2]
