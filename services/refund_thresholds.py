"""Under which amount a tenant's refunds approve themselves; without one, somebody else approves."""

from typing import Final, NamedTuple

import asyncpg

from contracts.money import Money

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
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
        await connection.execute(_SET, tenant, below.currency, below.minor)


async def list_thresholds(pool: asyncpg.Pool, tenant: str) -> list[Threshold]:
    """A tenant's thresholds, by currency."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
        rows = await connection.fetch(_LIST, tenant)
    return [
        Threshold(row["currency"], Money.of(row["below_minor"], row["currency"]).amount)
        for row in rows
    ]
