"""Codes looked up in the code systems that tenants have loaded into Postgres."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

import asyncpg

from services.ports import Coded, Finding, Verdict

FRESH_SECONDS: Final = 5.0
"""For how long a process may not notice that a system was loaded."""

_KEPT_MAX: Final = 100_000
_TENANTS_MAX: Final = 10_000
_LOADED: Final = (
    "SELECT tenant, system, string_agg(load::text, ',' ORDER BY version) AS loads"
    " FROM billing_code_systems WHERE tenant = ANY ($1) GROUP BY tenant, system"
)
# Looked up by key, however small the table was when it was last analysed.
_OPEN: Final = (
    "SELECT set_config('daybook.tenants', $1, true), set_config('enable_seqscan', 'off', true)"
)
_WINDOWS: Final = (
    "SELECT c.tenant, c.system, c.code, lower(c.active) AS since, upper(c.active) AS until"
    " FROM unnest($1::text[], $2::text[], $3::text[]) AS w (tenant, system, code)"
    " CROSS JOIN LATERAL (SELECT b.tenant, b.system, b.code, b.active FROM billing_codes b"
    " WHERE (b.tenant, b.system, b.code) = (w.tenant, w.system, w.code) OFFSET 0) c"
)


class _Loaded(NamedTuple):
    until_seconds: float
    systems: dict[str, str]
    """By system, which loads it consists of: another one once a version is replaced."""


Window = tuple[date | None, date | None]
"""From this day on, and before that one."""
Name = tuple[str, str, str, str]
"""Tenant, system, its loads, code."""


class PostgresCodes:
    """Knows the systems that are loaded; the pool acts as daybook_writer."""

    def __init__(self, pool: asyncpg.Pool, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._pool = pool
        self._fresh_seconds = fresh_seconds
        self._loaded: dict[str, _Loaded] = {}
        self._windows: dict[Name, tuple[Window, ...]] = {}
        self._refreshing = asyncio.Lock()

    async def check(self, codes: Collection[Coded]) -> Mapping[Coded, Finding]:
        """What is known of these; raises what asyncpg raises when Postgres is away."""
        tenants = {coded.tenant for coded in codes}
        if self._stale(tenants):
            async with self._refreshing:  # whoever waited finds it done
                await self._refresh(self._stale(tenants))
        named = {
            coded: (coded.tenant, coded.system, loads, coded.code)
            for coded in codes
            if (loads := self._loaded[coded.tenant].systems.get(coded.system)) is not None
        }
        if missing := {name for name in named.values() if name not in self._windows}:
            await self._read(missing)
        # What another check may have pushed out meanwhile is read again, never guessed.
        if gone := {name for name in named.values() if name not in self._windows}:
            await self._read(gone)
        return {coded: _finding(coded, self._windows[name]) for coded, name in named.items()}

    def _stale(self, tenants: Iterable[str]) -> list[str]:
        now = time.monotonic()
        return [
            tenant
            for tenant in tenants
            if (found := self._loaded.get(tenant)) is None or found.until_seconds < now
        ]

    async def _refresh(self, tenants: list[str]) -> None:
        if not tenants:
            return
        rows = await self._fetch(tenants, _LOADED, tenants)
        if len(self._loaded) > _TENANTS_MAX:
            self._loaded = {}
        until = time.monotonic() + self._fresh_seconds
        for tenant in tenants:
            self._loaded[tenant] = _Loaded(until, {})
        for row in rows:
            self._loaded[row["tenant"]].systems[row["system"]] = row["loads"]

    async def _read(self, names: Collection[Name]) -> None:
        tenants, systems, _, codes = map(list, zip(*names, strict=True))
        rows = await self._fetch(sorted(set(tenants)), _WINDOWS, tenants, systems, codes)
        found: dict[tuple[str, str, str], list[Window]] = {}
        for tenant, system, code, since, until in rows:
            found.setdefault((tenant, system, code), []).append((since, until))
        for name in names:
            tenant, system, _, code = name
            self._windows[name] = tuple(found.get((tenant, system, code), ()))
        while len(self._windows) > _KEPT_MAX:
            del self._windows[next(iter(self._windows))]

    async def _fetch(
        self, tenants: list[str], statement: str, *values: list[str]
    ) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_OPEN, ",".join(tenants))
            rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return rows


def _finding(coded: Coded, windows: tuple[Window, ...]) -> Finding:
    if not windows:
        return Finding(Verdict.INVALID, f"there is no code {coded.code} in {coded.system}")
    on = coded.on
    for since, until in windows:
        if (since is None or since <= on) and (until is None or on < until):
            return Finding(Verdict.VALID)
    return Finding(
        Verdict.INVALID, f"code {coded.code} of {coded.system} is not in use on {on.isoformat()}"
    )
