"""Which commits runs use: noted before a checkout is made, so that no sync removes it meanwhile."""

from typing import Final

import asyncpg

from services.tenant_view import tenant_view

# The first commit stays: a run keeps to it, whichever worker asks again.
_NOTE: Final = (
    "INSERT INTO workflow_checkouts AS c (tenant, workflow_run_id, commit_id) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant, workflow_run_id) DO UPDATE SET commit_id = c.commit_id"
    " RETURNING commit_id"
)
_FORGET: Final = "DELETE FROM workflow_checkouts WHERE tenant = $1 AND workflow_run_id = $2"


async def note_use(pool: asyncpg.Pool, tenant: str, run_id: str, commit: str) -> str:
    """Note that a run uses a commit, unless it has one; the commit that it is to use.

    The pools here act as daybook_writer.
    """
    async with tenant_view(pool, tenant) as connection:
        return str(await connection.fetchval(_NOTE, tenant, run_id, commit))


async def forget_use(pool: asyncpg.Pool, tenant: str, run_id: str) -> None:
    """Note that a run has ended."""
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_FORGET, tenant, run_id)


async def commits_in_use(pool: asyncpg.Pool) -> frozenset[str]:
    """The commits that runs of any tenant use."""
    rows = await pool.fetch("SELECT commit_id FROM commits_in_use() AS u (commit_id)")
    return frozenset(row["commit_id"] for row in rows)
