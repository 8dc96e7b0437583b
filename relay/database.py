"""What the relay's modules share of Postgres."""

from typing import Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""One's own, or one of a pool."""

# Plans are made while the tables are small and kept; by position and by key there is one good way
# to read them, however many rows they have by then. A pool undoes this on release.
PLAN_BY_KEY: Final = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET plan_cache_mode = force_generic_plan"
)
