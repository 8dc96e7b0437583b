"""What a tenant chooses about sagas: whether encounters are invoiced, and how long things wait."""

from typing import Any, Final, Literal

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from services.tenant_view import tenant_view

_READ: Final = "SELECT settings::text FROM tenant_settings WHERE tenant = $1"
_CHANGE: Final = (
    "INSERT INTO tenant_settings AS t (tenant, settings) VALUES ($1, $2::text::jsonb)"
    " ON CONFLICT (tenant) DO UPDATE SET settings = t.settings || excluded.settings"
)


class SagaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The choices, in `tenant_settings.settings`; what is not there is as usual."""

    encounter_invoice: Literal["issue", "draft"] = "issue"
    """Whether the invoice of an encounter is issued, or left for somebody to look at."""
    due_days: int = 30
    """After the day of issue, of an invoice that a saga issues."""
    remittance_wait_days: int = 30
    """How long a payer's claim waits for its invoice before it is parked."""


_decode: Final = msgspec.json.Decoder(SagaSettings).decode


async def read_settings(connection: PoolConnectionProxy, tenant: str) -> SagaSettings:
    """The tenant's choices; raises msgspec.ValidationError when they cannot be read."""
    found = await connection.fetchval(_READ, tenant)
    return SagaSettings() if found is None else _decode(found)


async def show_settings(pool: asyncpg.Pool, tenant: str) -> SagaSettings:
    """The same, for who asks for nothing else."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        return await read_settings(connection, tenant)


async def change_settings(pool: asyncpg.Pool, tenant: str, changes: dict[str, Any]) -> SagaSettings:
    """Change what `changes` names, fields of SagaSettings; sagas go by it from their next step on.

    The pool acts as daybook_writer.
    """
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_CHANGE, tenant, msgspec.json.encode(changes).decode())
        return await read_settings(connection, tenant)
