"""What streams began with, read for many callers at once: who asks during a read shares the next.

A command is answered from the log, so each would cost a transaction of its own; together they cost
one, as they did when they were committed.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from contracts.catalogue import decode
from contracts.event import Event
from services.tenant_view import tenant_view

# LATERAL … LIMIT 1 keeps to a probe a stream: planned on a small log, a join reads all of it later.
_OPENINGS: Final = (
    "SELECT w.tenant, w.stream_id, e.type, e.body, h.version"
    " FROM unnest($1::text[], $2::text[]) AS w (tenant, stream_id)"
    " CROSS JOIN LATERAL (SELECT f.type, f.body FROM daybook.events f"
    " WHERE (f.tenant, f.stream_id, f.version) = (w.tenant, w.stream_id, 1) LIMIT 1) e"
    " CROSS JOIN LATERAL (SELECT s.version FROM daybook.stream_heads s"
    " WHERE (s.tenant, s.stream_id) = (w.tenant, w.stream_id) LIMIT 1) h"
)
# Of one type only, in any version, where $3 says which; of versions from $4 on and before $5.
_EVENTS: Final = (
    "SELECT type, body FROM daybook.events WHERE tenant = $1 AND stream_id = $2"
    " AND ($3::text IS NULL OR type ~ ('^' || $3 || '[.]v[0-9]+$'))"
    " AND version >= $4 AND version < $5 ORDER BY version"
)
_READ_MAX: Final = 500
ALL_VERSIONS: Final = range(1, 2**63 - 1)
Name = tuple[str, str]
"""Tenant and stream id."""


class Opening(NamedTuple):
    """The event that a stream began with, and the version that it is at."""

    event: Event
    version: int


class Openings:
    """Reads openings with as few statements as there are reads in a row."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._wanted: dict[Name, asyncio.Future[Opening | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, tenant: str, stream_id: str) -> Opening | None:
        """The opening of a stream, None when the tenant has no such one."""
        name = (tenant, stream_id)
        future = self._wanted.get(name)
        if future is None:
            future = self._wanted[name] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        # One caller that goes away must not take the answer from the others.
        return await asyncio.shield(future)

    async def find_all(self, tenant: str, stream_ids: Sequence[str]) -> dict[str, Event]:
        """The openings of many streams of one caller, in one statement."""
        if not stream_ids:
            return {}
        found = await self._read([(tenant, stream_id) for stream_id in stream_ids])
        return {stream_id: opening.event for (_, stream_id), opening in found.items()}

    async def events(
        self,
        tenant: str,
        stream_id: str,
        type_: str | None = None,
        versions: range = ALL_VERSIONS,
    ) -> list[Event]:
        """The events of a stream in order: those of one type, whatever its version, or all."""
        name = None if type_ is None else type_.rpartition(".v")[0].replace(".", "[.]")
        async with tenant_view(self._pool, tenant, readonly=True) as connection:
            rows = await connection.fetch(
                _EVENTS, tenant, stream_id, name, versions.start, versions.stop
            )
        return [decode(row["type"], row["body"]) for row in rows]

    async def _read_all(self) -> None:
        try:
            while self._wanted:
                names = list(self._wanted)[:_READ_MAX]
                await self._settle({name: self._wanted.pop(name) for name in names})
        finally:
            self._reading = None

    async def _settle(self, wanted: dict[Name, asyncio.Future[Opening | None]]) -> None:
        try:
            found = await self._read(list(wanted))
        except Exception as error:  # handed to the callers, who answer it
            for future in wanted.values():
                if not future.done():
                    future.set_exception(error)
            return
        for name, future in wanted.items():
            if not future.done():
                future.set_result(found.get(name))

    async def _read(self, names: list[Name]) -> dict[Name, Opening]:
        tenants = ",".join(sorted({tenant for tenant, _ in names}))
        async with tenant_view(self._pool, tenants, readonly=True) as connection:
            rows = await connection.fetch(_OPENINGS, *map(list, zip(*names, strict=True)))
        return {
            (row["tenant"], row["stream_id"]): Opening(
                decode(row["type"], row["body"]), row["version"]
            )
            for row in rows
        }
