"""Events set aside: for projections that may go on without them, in order behind each key.

A key that has a parked event takes no later one, so that what it stands for is never out of order.
Parking and retrying never move the checkpoint back.
"""

from collections.abc import Sequence
from typing import Final

from contracts.columns import columns
from projections.builds import Build, enter
from projections.log import read_log
from projections.projection import Projection
from projections.recorded import Recorded, require_decoded
from projections.statements import AnyConnection, sql

_TAKE_FIRST: Final = sql("take_first_parked")


async def without_parked(
    connection: AnyConnection, projection: Projection, build: Build, run: Sequence[Recorded]
) -> list[Recorded]:
    """Queue the events whose key is parked behind what waits there; the others are returned."""
    keys = {(recorded.tenant, projection.key(recorded)) for recorded in run}
    rows = await connection.fetch(
        "SELECT DISTINCT p.tenant, p.key"
        " FROM unnest($3::text::text[], $4::text::text[]) AS k (tenant, key)"
        " JOIN read.parked_events p ON p.name = $1 AND p.build = $2"
        " AND p.tenant = k.tenant AND p.key = k.key",
        build.name,
        build.build,
        *columns(list(keys), "tt"),
    )
    parked = {(tenant, key) for tenant, key in rows}
    if not parked:
        return list(run)
    waits = [(recorded.tenant, projection.key(recorded)) in parked for recorded in run]
    behind = [recorded for recorded, wait in zip(run, waits, strict=True) if wait]
    if behind:
        await park(connection, projection, build, behind, error=None)
    return [recorded for recorded, wait in zip(run, waits, strict=True) if not wait]


async def park(
    connection: AnyConnection,
    projection: Projection,
    build: Build,
    events: Sequence[Recorded],
    *,
    error: str | None,
) -> None:
    """Set events aside, with the reason or behind one that has one."""
    rows = [
        (recorded.position, recorded.tenant, projection.key(recorded), error) for recorded in events
    ]
    await connection.execute(
        "INSERT INTO read.parked_events (name, build, position, tenant, key, error)"
        " SELECT $1, $2, * FROM "
        " unnest($3::text::bigint[], $4::text::text[], $5::text::text[], $6::text::text[])",
        build.name,
        build.build,
        *columns(rows, "nttt"),
    )


async def retry_parked(
    connection: AnyConnection, projection: Projection, build: Build, tenant: str, key: str
) -> int:
    """Apply what is parked under a key, in order; answers how many events that was.

    Each in a transaction of its own, so what was mended stays mended. Raises what the event that
    still fails sets off; it stays parked, and everything behind it.
    """
    await enter(connection, build)
    applied = 0
    while await _retry_first(connection, projection, build, tenant, key):
        applied += 1
    return applied


async def _retry_first(
    connection: AnyConnection, projection: Projection, build: Build, tenant: str, key: str
) -> bool:
    async with connection.transaction():
        # The owner takes this lock first too: nothing is queued behind a key that is being emptied.
        await connection.execute(
            "SELECT FROM read.projections WHERE name = $1 AND build = $2 FOR UPDATE",
            build.name,
            build.build,
        )
        position = await connection.fetchval(_TAKE_FIRST, build.name, build.build, tenant, key)
        if position is None:
            return False
        event = await read_log(connection, position - 1, position)
        require_decoded(event)
        await projection.apply(event, connection)
        return True
