"""Which workflow waits for what: registered before the last look, so that no wake is missed."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import asyncpg

from services.tenant_view import tenant_view

_REGISTER: Final = (
    "INSERT INTO saga_waits (tenant, awaits, workflow_id)"
    " SELECT $1, w.awaits, $3 FROM unnest($2::text[]) AS w (awaits) ON CONFLICT DO NOTHING"
)
_FORGET: Final = (
    "DELETE FROM saga_waits WHERE tenant = $1 AND awaits = ANY ($2) AND workflow_id = $3"
)
_FORGET_WORKFLOW: Final = "DELETE FROM saga_waits WHERE tenant = $1 AND workflow_id = $2"
# OFFSET 0 keeps to a probe a key: planned while nobody waited, a join reads all that wait later.
_WAITING: Final = (
    "SELECT s.tenant, s.awaits, s.workflow_id"
    " FROM unnest($1::text[], $2::text[]) AS w (tenant, awaits)"
    " CROSS JOIN LATERAL (SELECT s.tenant, s.awaits, s.workflow_id FROM saga_waits s"
    " WHERE (s.tenant, s.awaits) = (w.tenant, w.awaits) OFFSET 0) s"
    " ORDER BY 1, 2, 3"
)


class Wait(NamedTuple):
    """A workflow and the encounter, invoice or invoice number that it waits for."""

    tenant: str
    awaits: str
    workflow_id: str


async def register(
    pool: asyncpg.Pool, tenant: str, awaits: Iterable[str], workflow_id: str
) -> None:
    """Note that a workflow waits for these; committed when this returns."""
    await _change(pool, tenant, awaits, workflow_id, _REGISTER)


async def forget(pool: asyncpg.Pool, tenant: str, awaits: Iterable[str], workflow_id: str) -> None:
    """Note that a workflow waits for these no more."""
    await _change(pool, tenant, awaits, workflow_id, _FORGET)


async def forget_workflow(pool: asyncpg.Pool, tenant: str, workflow_id: str) -> None:
    """Note that a workflow waits for nothing any more."""
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_FORGET_WORKFLOW, tenant, workflow_id)


async def who_waits(pool: asyncpg.Pool, happened: Mapping[str, Iterable[str]]) -> list[Wait]:
    """All that wait for something that happened, given by tenant."""
    wanted = [(tenant, key) for tenant, keys in happened.items() for key in keys]
    if not wanted:
        return []
    tenants, keys = zip(*wanted, strict=True)
    async with tenant_view(pool, *sorted(happened)) as connection:
        rows = await connection.fetch(_WAITING, list(tenants), list(keys))
    return [Wait(row["tenant"], row["awaits"], row["workflow_id"]) for row in rows]


async def _change(
    pool: asyncpg.Pool, tenant: str, awaits: Iterable[str], workflow_id: str, statement: str
) -> None:
    # Sorted: two workflows that wait for the same things lock them in the same order.
    keys = sorted(set(awaits))
    if keys:
        async with tenant_view(pool, tenant) as connection:
            await connection.execute(statement, tenant, keys, workflow_id)
