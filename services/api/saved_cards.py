"""The saved cards of an account as the write side has them, which is never behind."""

from typing import Final

import asyncpg

from domain.payment_method import Saved
from services.api.outage import outage_as_problem
from services.execute.load import decode_state
from services.tenant_view import tenant_view

# The condition is that of the index stream_heads_of_payment_methods.
_FOUND: Final = (
    "SELECT stream_id, state FROM daybook.stream_heads"
    r" WHERE tenant = $1 AND account_id = $2 AND stream_id LIKE 'pmt\_%'"
    " AND stream_id > $3 ORDER BY stream_id"
)


async def find_cards(
    pool: asyncpg.Pool, tenant: str, account_id: str, *, after: str, limit: int
) -> list[tuple[str, Saved]]:
    """Cards behind an id, by id, with what is known of each; those that were removed are not."""
    found: list[tuple[str, Saved]] = []
    with outage_as_problem():
        async with tenant_view(pool, tenant, readonly=True) as connection:
            async for row in connection.cursor(_FOUND, tenant, account_id, after):
                state = decode_state(row["stream_id"], row["state"])
                if isinstance(state, Saved):
                    found.append((row["stream_id"], state))
                if len(found) == limit:
                    break
    return found
