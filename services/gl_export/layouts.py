"""The ERP layouts of tenants: every one that was set is kept, since exports name theirs."""

from typing import Final

import asyncpg

from services.gl_export.layout import Layout, decode_layout, encode_layout, layout_id
from services.tenant_view import tenant_view

_SET: Final = (
    "INSERT INTO daybook.erp_layouts (tenant, layout_id, content) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant, layout_id) DO UPDATE SET set_at = clock_timestamp()"
)
_CURRENT: Final = (
    "SELECT content FROM daybook.erp_layouts WHERE tenant = $1 ORDER BY set_at DESC LIMIT 1"
)
_FIND: Final = "SELECT content FROM daybook.erp_layouts WHERE tenant = $1 AND layout_id = $2"


async def set_layout(writer: asyncpg.Pool, tenant: str, layout: Layout) -> str:
    """Make it the tenant's layout; its id. The pool acts as daybook_writer."""
    named = layout_id(layout)
    async with tenant_view(writer, tenant) as connection:
        await connection.execute(_SET, tenant, named, encode_layout(layout).decode())
    return named


async def current_layout(pool: asyncpg.Pool, tenant: str) -> Layout | None:
    """The layout that was set last, None when there is none."""
    return await _one(pool, _CURRENT, tenant)


async def find_layout(pool: asyncpg.Pool, tenant: str, named: str) -> Layout | None:
    """The layout of an id, None when there is none."""
    return await _one(pool, _FIND, tenant, named)


async def _one(pool: asyncpg.Pool, statement: str, tenant: str, *more: str) -> Layout | None:
    async with tenant_view(pool, tenant, readonly=True) as connection:
        content = await connection.fetchval(statement, tenant, *more)
    return None if content is None else decode_layout(content)
