"""Rebuilding: new tables fill from the log beside the live ones, are compared, and are shown.

Nobody waits for it: readers and the live build's owner go on until the views are switched, in one
transaction with the checkpoint. The build that was shown before is kept for a rollback.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from projections.builds import Build, builds, drop_old_builds, live_build
from projections.follow import Follower
from projections.log import replay
from projections.projection import Projection
from projections.statements import AnyConnection, AnyPool

SWITCH_TRIES_MAX: Final = 20
# Waiting longer for somebody's long query would hold up every query that comes behind us.
SWITCH_LOCK_TIMEOUT: Final = "1s"
# A process that is paused while it switches holds up the live build's owner for so long at most.
SWITCH_IDLE_TIMEOUT: Final = "10s"

Sums = dict[tuple[str, str, str], Decimal]
Progress = Callable[[int, int], None]
"""Called with the checkpoint and the position to reach."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A sum in which two builds differ at the same position; None: one of them has no such sum."""

    tenant: str
    currency: str
    measure: str
    live: Decimal | None
    rebuilt: Decimal | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The rebuilt tables against the live ones, both at one position."""

    name: str
    build: int
    version: int
    live_build: int
    live_version: int
    position: int
    sums: int
    differences: tuple[Difference, ...]


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild did; not shown when the comparison was not approved."""

    comparison: Comparison
    shown: bool
    checkpoint: int


class NotSwitched(Exception):
    """The views stayed busy; the build is complete, and rebuilding again only has to show it."""


async def always(_comparison: Comparison) -> bool:
    """Show what was rebuilt whatever the difference: the log is right."""
    return True


def quietly(_checkpoint: int, _until: int) -> None:
    """No progress is shown."""


async def rebuild(
    pool: AnyPool,
    projection: Projection,
    build: Build,
    fence: int,
    *,
    approve: Callable[[Comparison], Awaitable[bool]] = always,
    progress: Progress = quietly,
) -> Rebuilt:
    """Fill a build that is not shown, compare it with the live one, and show it if approved.

    The caller holds the build's lease, whose number is `fence`; the pool needs three connections.
    Raises Halted, FenceLost and NotSwitched; the live build stays as it is.
    """
    async with pool.acquire() as connection:
        follower = await Follower.take_over(
            projection, build, fence, connection, lambda after, until: replay(pool, after, until)
        )
        await _fill(pool, follower, progress)
        comparison = await _compare(pool, follower)
        shown = await approve(comparison)
        if shown:
            await _fill(pool, follower, progress)
            await _switch(pool, follower)
    if shown:
        async with pool.acquire() as connection, connection.transaction():
            await drop_old_builds(connection, projection.name)
    return Rebuilt(comparison=comparison, shown=shown, checkpoint=follower.checkpoint)


async def _fill(pool: AnyPool, follower: Follower, progress: Progress) -> None:
    """Follow the log to where the live build is."""
    while True:
        async with pool.acquire() as connection:
            until = (await _live(connection, follower)).checkpoint
        if follower.checkpoint >= until:
            return
        async for batch in replay(pool, follower.checkpoint, until):
            await follower.receive(batch)
            progress(follower.checkpoint, until)


async def _compare(pool: AnyPool, follower: Follower) -> Comparison:
    """Compare at one position without stopping anybody: the live build as a snapshot has it."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        live = await _live(connection, follower)
        await follower.catch_up(live.checkpoint)
        contents = live.version == follower.build.version
        before = await _sums(connection, live, contents=contents)
    async with pool.acquire() as connection:
        after = await _sums(connection, follower.build, contents=contents)
    return Comparison(
        name=live.name,
        build=follower.build.build,
        version=follower.build.version,
        live_build=live.build,
        live_version=live.version,
        position=live.checkpoint,
        sums=len(after),
        differences=_differences(before, after),
    )


def _differences(live: Sums, rebuilt: Sums) -> tuple[Difference, ...]:
    return tuple(
        Difference(
            tenant=tenant,
            currency=currency,
            measure=measure,
            live=live.get((tenant, currency, measure)),
            rebuilt=rebuilt.get((tenant, currency, measure)),
        )
        for tenant, currency, measure in sorted(live.keys() | rebuilt.keys())
        if live.get((tenant, currency, measure)) != rebuilt.get((tenant, currency, measure))
    )


async def _sums(connection: AnyConnection, build: Build, *, contents: bool) -> Sums:
    """Every build is summed by the SQL of its own release, so measures are compared by name."""
    async with connection.transaction():
        [(schema, statement)] = await connection.fetch(
            "SELECT read.build_schema(name, version, build), sums FROM read.projections"
            " WHERE name = $1 AND build = $2",
            build.name,
            build.build,
        )
        await connection.execute("SELECT set_config('search_path', $1, true)", schema)
        rows = await connection.fetch(statement)
        if contents:
            rows += await connection.fetch("SELECT * FROM read.content_sums($1)", schema)
    return {(tenant, currency, measure): value for tenant, currency, measure, value in rows}


async def _switch(pool: AnyPool, follower: Follower) -> None:
    """Show the build at the live one's checkpoint or later, so that no reader goes back in time."""
    for _ in range(SWITCH_TRIES_MAX):
        try:
            async with pool.acquire() as connection, connection.transaction():
                await _show(connection, follower)
        except asyncpg.LockNotAvailableError:
            await _fill(pool, follower, quietly)
        else:
            return
    raise NotSwitched(f"the views of {follower.build.name} were busy {SWITCH_TRIES_MAX} times")


async def _show(connection: AnyConnection, follower: Follower) -> None:
    build = follower.build
    await connection.execute(
        "SELECT set_config('lock_timeout', $1, true),"
        " set_config('idle_in_transaction_session_timeout', $2, true)",
        SWITCH_LOCK_TIMEOUT,
        SWITCH_IDLE_TIMEOUT,
    )
    # The live build's owner takes this lock for every batch: the two now stand still together.
    await connection.execute(
        "SELECT FROM read.projections WHERE name = $1 AND stage = 'live' FOR UPDATE", build.name
    )
    await follower.catch_up((await _live(connection, follower)).checkpoint)
    await connection.execute("SELECT read.show_build($1, $2)", build.name, build.build)


async def _live(connection: AnyConnection, follower: Follower) -> Build:
    live = live_build(await builds(connection), follower.build.name)
    if live is None:
        raise NotSwitched(f"{follower.build.name} has no live build to take the place of")
    return live
