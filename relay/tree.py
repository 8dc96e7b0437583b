"""Where the log ends: its head, the open edge of its Merkle tree, and the heads of its tenants."""

from collections.abc import Collection
from typing import Final, NamedTuple
from uuid import uuid4

from contracts import log
from contracts.bus import PARTITIONS
from contracts.ids import from_uuid
from relay.database import Connection

_OPEN_LEAVES: Final = """
    SELECT string_agg(leaf, '' ORDER BY position)
      FROM event_log WHERE position > (($1::bigint >> 8) << 8)
"""
# Roots of the tiles of level $2 that fill no tile of the level above yet.
_OPEN_ROOTS: Final = """
    SELECT string_agg(root, '' ORDER BY index)
      FROM merkle_tiles
     WHERE level = $2 AND index >= (($1::bigint >> (8 * ($2::integer + 2))) << 8)
"""


class LogBroken(Exception):
    """Head, positions and tiles do not belong together: restore the database or have it looked at.

    Sequencing on would give the damage positions of its own.
    """


class Log(NamedTuple):
    """The log up to its head."""

    log_id: str
    partitions: int
    frontier: log.Frontier


class TenantHead(NamedTuple):
    """The last dense positions of a tenant: over all of it, and of each partition."""

    position: int
    partition_positions: tuple[int, ...]


async def ensure_log(connection: Connection, *, partitions: int = PARTITIONS) -> str:
    """Create the log unless it is there; returns its id. Needs the owner of the tables.

    The number of partitions is fixed by the first call: readers of a partition rely on it.
    """
    await connection.execute(
        "INSERT INTO log_head (log_id, partitions) VALUES ($1, $2) ON CONFLICT (one) DO NOTHING",
        from_uuid("log", uuid4()),
        partitions,
    )
    return str(await connection.fetchval("SELECT log_id FROM log_head"))


async def load_log(connection: Connection) -> Log:
    """Read the head and rebuild the edge of the tree; raises LogBroken unless they agree."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow("SELECT log_id, partitions, position FROM log_head")
        if head is None:
            raise LogBroken("log_head has no row: the log was never created")
        size = head["position"]
        last = await connection.fetchval("SELECT max(position) FROM event_log") or 0
        if last != size:
            raise LogBroken(f"the head is at {size} and the last event at {last}")
        edges = await _open_tiles(connection, size)
    _check(size, edges)
    frontier = log.Frontier(size, edges[: log.levels_of(size)])
    return Log(head["log_id"], head["partitions"], frontier)


async def _open_tiles(connection: Connection, size: int) -> tuple[bytes, ...]:
    edges = [await connection.fetchval(_OPEN_LEAVES, size)]
    # One level more than there should be: tiles beyond the head are damage too.
    for level in range(log.levels_of(size)):
        edges.append(await connection.fetchval(_OPEN_ROOTS, size, level))
    return tuple(edge or b"" for edge in edges)


def _check(size: int, edges: tuple[bytes, ...]) -> None:
    for level, edge in enumerate(edges):
        found = len(edge) // log.HASH_BYTES
        expected = (size >> (8 * level)) % log.TILE_HASHES
        if found != expected:
            raise LogBroken(f"level {level} of the tree has {found} open hashes, not {expected}")


async def load_tenant_heads(
    connection: Connection, tenants: Collection[str], partitions: int
) -> dict[str, TenantHead]:
    """The heads of these tenants; one without events is at zero."""
    heads = dict.fromkeys(tenants, TenantHead(0, (0,) * partitions))
    rows = await connection.fetch(
        "SELECT tenant, tenant_position, partition_positions FROM tenant_log_heads"
        " WHERE tenant = ANY ($1)",
        list(tenants),
    )
    for row in rows:
        heads[row["tenant"]] = TenantHead(row["tenant_position"], tuple(row["partition_positions"]))
    return heads
