"""Rebuilding under a lease, for the projector at its start and for `daybook rebuild`."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from projections.builds import Build, builds, ensure_building, ensure_live
from projections.projection import Projection, projection_named
from projections.rebuild import Comparison, NotSwitched, Progress, Rebuilt, always, quietly, rebuild
from projections.statements import AnyPool
from relay.lease import Lease, lead

CONNECTIONS: Final = 4
"""That a rebuild takes from the pool, one of them to renew its lease."""

_log = structlog.get_logger()

Approve = Callable[[Comparison], Awaitable[bool]]


class NothingToRollBackTo(LookupError):
    """There is no earlier build that this release could bring up to date."""


async def rebuild_projection(
    pool: AnyPool,
    name: str,
    *,
    owner: str,
    lease_seconds: float,
    approve: Approve = always,
    progress: Progress = quietly,
) -> Rebuilt:
    """Fill new tables from the log, compare them with the live ones, and show them if approved.

    A rebuild that was broken off, or not approved, is taken up where it stands. Raises
    UnknownProjection, Halted, FenceLost, LeaseLost and NotSwitched.
    """
    projection = projection_named(name)
    async with pool.acquire() as connection:
        await ensure_live(connection, projection)
        build = await ensure_building(connection, projection)
    return await rebuild_leased(
        pool,
        projection,
        build,
        owner=owner,
        lease_seconds=lease_seconds,
        approve=approve,
        progress=progress,
    )


async def roll_back(
    pool: AnyPool,
    name: str,
    *,
    owner: str,
    lease_seconds: float,
    approve: Approve = always,
    progress: Progress = quietly,
) -> Rebuilt:
    """Bring the build that was shown before up to date and show it again.

    Raises NothingToRollBackTo, and what `rebuild_projection` raises.
    """
    projection = projection_named(name)
    async with pool.acquire() as connection:
        earlier = [
            build
            for build in await builds(connection)
            if build.name == name
            and build.stage == "retired"
            and build.version == projection.version
        ]
    if not earlier:
        raise NothingToRollBackTo(f"{name} has no earlier build of version {projection.version}")
    return await rebuild_leased(
        pool,
        projection,
        earlier[-1],
        owner=owner,
        lease_seconds=lease_seconds,
        approve=approve,
        progress=progress,
    )


async def rebuild_leased(
    pool: AnyPool,
    projection: Projection,
    build: Build,
    *,
    owner: str,
    lease_seconds: float,
    approve: Approve = always,
    progress: Progress = quietly,
) -> Rebuilt:
    """Rebuild a build that is not shown, as its owner."""

    async def work(lease: Lease) -> Rebuilt:
        async with pool.acquire() as connection:
            for found in await builds(connection):
                if found.lease == build.lease and found.stage == "live":
                    raise NotSwitched(f"{build.lease} was shown by another rebuild meanwhile")
        return await rebuild(
            pool, projection, build, lease.fence, approve=approve, progress=progress
        )

    rebuilt = await lead(pool, name=build.lease, owner=owner, seconds=lease_seconds, body=work)
    for difference in rebuilt.comparison.differences:
        _log.warning(
            "rebuilt read model differs",
            projection=projection.name,
            position=rebuilt.comparison.position,
            tenant=difference.tenant,
            currency=difference.currency,
            measure=difference.measure,
            live=str(difference.live),
            rebuilt=str(difference.rebuilt),
        )
    _log.info(
        "read model rebuilt",
        projection=projection.name,
        build=build.build,
        version=build.version,
        checkpoint=rebuilt.checkpoint,
        shown=rebuilt.shown,
        differences=len(rebuilt.comparison.differences),
    )
    return rebuilt
