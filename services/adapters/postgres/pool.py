"""Pools: every process connects as the login it is given and assumes the role of its work."""

from typing import Any

import asyncpg

from services.adapters.postgres.migrate import ROLES, SEARCH_PATH


async def open_pool(url: str, role: str, *, size_max: int, size_min: int = 1) -> asyncpg.Pool:
    """A pool whose connections act as `role` of `migrate.ROLES` and can do no more than it may."""
    settings = {
        "role": role,
        "search_path": SEARCH_PATH,
        "application_name": role,
        "jit": "off",
        # A plan that was kept from when a table was small reads all of it when it is large. Where
        # plans are kept all the same, claim.sql of the write path says why.
        "plan_cache_mode": "force_custom_plan",
        # An abandoned transaction would hold its locks, and vacuum back, for ever.
        "idle_in_transaction_session_timeout": "60000",
    }
    if ROLES[role] == "BYPASSRLS":
        settings["row_security"] = "off"
    return await asyncpg.create_pool(
        url,
        min_size=size_min,
        max_size=size_max,
        server_settings=settings,
        reset=_keep if role == "daybook_writer" else None,
    )


async def _keep(_connection: Any) -> None:
    """Nothing on the write path outlives its transaction: undoing it would be a round trip more."""
