"""Which workflow waits for which invoice: registered before the last look, so no wake is missed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg

from services.sagas.ledger import tenant_view

_REGISTER: Final = (
    "INSERT INTO saga_waits (tenant, awaits, workflow_id)"
    " SELECT $1, w.awaits, w.workflow_id FROM unnest($2::text[], $3::text[])"
    " AS w (awaits, workflow_id) ORDER BY w.awaits, w.workflow_id ON CONFLICT DO NOTHING"
)
_FORGET: Final = (
    "DELETE FROM saga_waits s USING unnest($2::text[], $3::text[]) AS w (awaits, workflow_id)"
    " WHERE s.tenant = $1 AND (s.awaits, s.workflow_id) = (w.awaits, w.workflow_id)"
)
_FORGET_WORKFLOW: Final = "DELETE FROM saga_waits WHERE tenant = $1 AND workflow_id = $2"
_WAITING: Final = (
    "SELECT DISTINCT s.tenant, s.workflow_id FROM saga_waits s"
    " JOIN unnest($1::text[], $2::text[]) AS w (tenant, awaits) USING (tenant, awaits)"
    " ORDER BY 1, 2"
)

Waits = Sequence[tuple[str, str]]
"""What is awaited, and the workflow that waits."""


async def register(pool: asyncpg.Pool, tenant: str, waits: Waits) -> None:
    """Note who waits for what; committed when this returns."""
    await _change(pool, tenant, waits, _REGISTER)


async def forget(pool: asyncpg.Pool, tenant: str, waits: Waits) -> None:
    """Note that a workflow waits for something no more."""
    await _change(pool, tenant, waits, _FORGET)


async def forget_workflow(pool: asyncpg.Pool, tenant: str, workflow_id: str) -> None:
    """Note that a workflow waits for nothing any more."""
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_FORGET_WORKFLOW, tenant, workflow_id)


async def _change(pool: asyncpg.Pool, tenant: str, waits: Waits, statement: str) -> None:
    if waits:
        awaits, workflow_ids = zip(*waits, strict=True)
        async with tenant_view(pool, tenant) as connection:
            await connection.execute(statement, tenant, list(awaits), list(workflow_ids))


async def who_waits(
    pool: asyncpg.Pool, issued: Mapping[str, Iterable[str]]
) -> list[tuple[str, str]]:
    """Tenant and workflow of all that wait for one of these ids and numbers of each tenant."""
    wanted = [(tenant, key) for tenant, keys in issued.items() for key in keys]
    if not wanted:
        return []
    tenants, keys = zip(*wanted, strict=True)
    async with tenant_view(pool, *sorted(issued)) as connection:
        rows = await connection.fetch(_WAITING, list(tenants), list(keys))
    return [(row["tenant"], row["workflow_id"]) for row in rows]
