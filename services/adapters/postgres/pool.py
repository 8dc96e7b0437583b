"""Pools: every process connects as the login it is given and assumes the role of its work."""

from typing import Any, Final

import asyncpg

from services.adapters.postgres.migrate import ROLES, SEARCH_PATH

# A plan that was kept from when a table was small reads all of it when it is large. Where whole
# sets are read and written, planning each call anew costs little beside it.
_PLANNED_EACH_TIME: Final = {"plan_cache_mode": "force_custom_plan"}
# The write path looks everything up by key, and a command that comes alone would pay more for its
# plans than for all else (9 of 14 ms). So it keeps them, and they are made for tables of any size.
_PLANNED_ONCE: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


async def open_pool(url: str, role: str, *, size_max: int, size_min: int = 1) -> asyncpg.Pool:
    """A pool whose connections act as `role` of `migrate.ROLES` and can do no more than it may."""
    is_writer = role == "daybook_writer"
    settings = {
        "role": role,
        "search_path": SEARCH_PATH,
        "application_name": role,
        "jit": "off",
        # An abandoned transaction would hold its locks, and vacuum back, for ever.
        "idle_in_transaction_session_timeout": "60000",
        **(_PLANNED_ONCE if is_writer else _PLANNED_EACH_TIME),
    }
    if ROLES[role] == "BYPASSRLS":
        settings["row_security"] = "off"
    return await asyncpg.create_pool(
        url,
        min_size=size_min,
        max_size=size_max,
        server_settings=settings,
        reset=_keep if is_writer else None,
    )


async def _keep(_connection: Any) -> None:
    """Nothing on the write path outlives its transaction: undoing it would be a round trip more."""
