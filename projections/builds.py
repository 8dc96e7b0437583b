"""Builds: the tables of one version of a projection, made and filled beside the ones shown."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from projections.projection import Projection
from projections.statements import AnyConnection

RETIRED_KEPT: Final = 1

Stage = Literal["building", "live", "retired"]


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `read.projections`."""

    name: str
    build: int
    version: int
    stage: Stage
    status: Literal["following", "halted"]
    checkpoint: int
    fence: int
    halted_position: int | None
    error: str | None

    @property
    def lease(self) -> str:
        """The lease of whoever writes the build."""
        return f"projection/{self.name}/{self.build}"


async def builds(connection: AnyConnection) -> list[Build]:
    """Every build of every projection, in the order they were made."""
    rows = await connection.fetch(
        "SELECT name, build, version, stage, status, checkpoint, fence, halted_position, error"
        " FROM read.projections ORDER BY name, build"
    )
    return [Build(**row) for row in rows]


def live_build(found: Sequence[Build], name: str) -> Build | None:
    """The build that readers see."""
    return next((build for build in found if build.name == name and build.stage == "live"), None)


async def ensure_live(connection: AnyConnection, projection: Projection) -> Build:
    """The live build; the very first one is made, and shown while it fills."""
    async with connection.transaction():
        await _one_at_a_time(connection, projection)
        live = live_build(await builds(connection), projection.name)
        if live is not None:
            return live
        number = await _make(connection, projection)
        await connection.execute("SELECT read.show_build($1, $2)", projection.name, number)
        return await _named(connection, projection.name, number)


async def ensure_building(connection: AnyConnection, projection: Projection) -> Build:
    """A build of this version that is not shown yet: the one that was begun, or a new one."""
    async with connection.transaction():
        await _one_at_a_time(connection, projection)
        for build in await builds(connection):
            if build.name == projection.name and build.stage == "building":
                if build.version == projection.version:
                    return build
                if build.version < projection.version:
                    await drop_build(connection, build)  # its release never got to show it
        number = await _make(connection, projection)
        return await _named(connection, projection.name, number)


async def enter(connection: AnyConnection, build: Build) -> None:
    """Let this session's unqualified names be the build's tables, until `leave`.

    A plan that was made while the tables were empty must not scan them once they are full.
    """
    await connection.execute(
        "SELECT set_config('search_path', read.build_schema($1, $2, $3), false),"
        " set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
        " set_config('enable_mergejoin', 'off', false)",
        build.name,
        build.version,
        build.build,
    )


async def resume(connection: AnyConnection, name: str) -> bool:
    """Have a halted projection try its event again; False when it was not halted."""
    resumed = await connection.fetch(
        "UPDATE read.projections SET status = 'following', halted_position = NULL, error = NULL"
        " WHERE name = $1 AND status = 'halted' RETURNING build",
        name,
    )
    return bool(resumed)


async def drop_build(connection: AnyConnection, build: Build) -> None:
    """Remove a build that is not live, with its tables."""
    await connection.execute("SELECT read.drop_build($1, $2)", build.name, build.build)


async def drop_old_builds(connection: AnyConnection, name: str) -> None:
    """Keep the build that was shown last, for rollback, and drop those before it."""
    retired = [
        build
        for build in await builds(connection)
        if build.name == name and build.stage == "retired"
    ]
    for build in retired[:-RETIRED_KEPT]:
        await drop_build(connection, build)


async def _one_at_a_time(connection: AnyConnection, projection: Projection) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", projection.name)


async def _make(connection: AnyConnection, projection: Projection) -> int:
    number: int = await connection.fetchval(
        "SELECT read.create_build($1, $2, $3)", projection.name, projection.version, projection.sums
    )
    schema: str = await connection.fetchval(
        "SELECT read.build_schema($1, $2, $3)", projection.name, projection.version, number
    )
    before: str = await connection.fetchval("SELECT current_setting('search_path')")
    await connection.execute("SELECT set_config('search_path', $1, true)", schema)
    await connection.execute(projection.schema)
    await connection.execute("SELECT read.guard_build($1)", schema)
    await connection.execute("SELECT set_config('search_path', $1, true)", before)
    return number


async def _named(connection: AnyConnection, name: str, number: int) -> Build:
    found = await builds(connection)
    return next(build for build in found if build.name == name and build.build == number)
