"""Owning one projection: lease its live build, follow the log, begin again after what ends it."""

import asyncio
import time
from typing import Final

import msgspec
import structlog

from projections.builds import Build, ensure_building, ensure_live, live_build
from projections.follow import AWAY, FenceLost, Follower, Halted, LogIncomplete, Received
from projections.log import replay
from projections.projection import Projection
from projections.rebuild import NotSwitched
from projections.statements import AnyPool
from relay.database import raise_if_cancelled
from relay.lease import Lease, LeaseLost, fence_session, lead
from services.projector import metrics
from services.projector.feed import Feed
from services.projector.mailbox import Mailbox
from services.projector.rebuilding import rebuild_leased
from services.projector.watch import Watch

IDLE_SECONDS: Final = 0.5
# Of a long way to catch up, done before looking again whether the build is still shown.
CATCH_UP_EVENTS: Final = 20_000
RETRY_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Owning(msgspec.Struct, frozen=True, kw_only=True):
    """What the owners of a process share."""

    pool: AnyPool
    feed: Feed
    watch: Watch
    owner: str
    lease_seconds: float


async def own(owning: Owning, projection: Projection) -> None:
    """Keep one projection up for ever, whenever its lease can be had."""
    log = _log.bind(projection=projection.name, version=projection.version)
    while True:
        try:
            await _own_live(owning, projection)
        except Halted as halted:
            log.error("projection halted", position=halted.position, error=halted.error)  # noqa: TRY400, the cause is in `error`, and a trace of ours would hide it
            await _until_resumed(owning, projection, halted)
        except (FenceLost, LeaseLost) as lost:
            log.warning("projection taken over", reason=str(lost))
        except (LogIncomplete, NotSwitched, *AWAY) as error:
            raise_if_cancelled(error)
            log.warning("projection interrupted", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)


async def _own_live(owning: Owning, projection: Projection) -> None:
    async with owning.pool.acquire() as connection:
        live = await ensure_live(connection, projection)
    if live.version > projection.version:
        await _until_ours(owning, projection, live)
    elif live.version < projection.version:
        await _upgrade(owning, projection)
    else:

        async def follow(lease: Lease) -> None:
            await _follow(owning, projection, live, lease)

        await lead(
            owning.pool,
            name=live.lease,
            owner=owning.owner,
            seconds=owning.lease_seconds,
            body=follow,
        )


async def _until_ours(owning: Owning, projection: Projection, live: Build) -> None:
    """Leave the tables of a newer release alone, until this one's are rolled back to."""
    _log.warning("a newer release shows this projection", build=live.lease, version=live.version)
    shown: Build | None = live
    while shown is not None and shown.version > projection.version:
        shown = live_build(await owning.watch.look(), projection.name)


async def _upgrade(owning: Owning, projection: Projection) -> None:
    """Build the tables of this release beside the older ones, and show them."""
    async with owning.pool.acquire() as connection:
        build = await ensure_building(connection, projection)
    await rebuild_leased(
        owning.pool,
        projection,
        build,
        owner=owning.owner,
        lease_seconds=owning.lease_seconds,
    )


async def _follow(owning: Owning, projection: Projection, build: Build, lease: Lease) -> None:
    """Write what the feed brings, until another build is shown."""
    looks = owning.watch.looks
    async with owning.pool.acquire() as connection:
        await fence_session(connection, lease)
        follower = await Follower.take_over(
            projection,
            build,
            lease.fence,
            connection,
            lambda after, until: replay(owning.pool, after, until),
        )
        _log.info("projection owned", build=build.lease, checkpoint=follower.checkpoint)
        with owning.feed.subscribed(follower.checkpoint) as mailbox:
            while owning.watch.shows(build, looks):
                begun = time.perf_counter()
                received = await _step(owning.feed, follower, mailbox)
                if received is not None:
                    metrics.count(build.name, received, time.perf_counter() - begun)


async def _step(feed: Feed, follower: Follower, mailbox: Mailbox) -> Received | None:
    """Write what has arrived, or a part of what was missed; None when there is neither."""
    batch = mailbox.take()
    if batch:
        return await follower.receive(batch)
    if follower.checkpoint < feed.position:
        # Nothing is to come that would show the gap: it was missed, or came before we subscribed.
        return await follower.catch_up(min(feed.position, follower.checkpoint + CATCH_UP_EVENTS))
    await mailbox.wait(IDLE_SECONDS)
    return None


async def _until_resumed(owning: Owning, projection: Projection, halted: Halted) -> None:
    """Wait until somebody resumes it, rebuilds it, or takes it past the event."""
    while any(
        build.status == "halted" and build.halted_position == halted.position
        for build in await owning.watch.look()
        if build.name == projection.name and build.stage != "retired"
    ):
        pass
