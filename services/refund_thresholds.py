"""Under which amount a tenant's refunds approve themselves; without one, somebody else approves."""

from typing import Final, NamedTuple

import asyncpg

from contracts.money import Money
from services.tenant_view import tenant_view

_SET: Final = (
    "INSERT INTO refund_thresholds (tenant, currency, below_minor) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant, currency) DO UPDATE SET below_minor = excluded.below_minor"
)
_LIST: Final = "SELECT currency, below_minor FROM refund_thresholds WHERE tenant = $1 ORDER BY 1"


class Threshold(NamedTuple):
    """Refunds approve themselves while all of their payment together are less than this."""

    currency: str
    below: str


async def set_threshold(pool: asyncpg.Pool, tenant: str, below: Money) -> None:
    """Set the threshold of one currency; the next request is decided by it."""
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_SET, tenant, below.currency, below.minor)


async def list_thresholds(pool: asyncpg.Pool, tenant: str) -> list[Threshold]:
    """A tenant's thresholds, by currency."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_LIST, tenant)
    return [
        Threshold(row["currency"], Money.of(row["below_minor"], row["currency"]).amount)
        for row in rows
    ]
