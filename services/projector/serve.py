"""The projector: every projection of the registry, as far as this process can lease them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from projections.projection import REGISTRY, Projection
from projections.statements import AnyPool
from services.projector.feed import Feed, OpenStream
from services.projector.own import Owning, own
from services.projector.watch import Watch

POOL_SIZE: Final = 4 * len(REGISTRY)
"""Connections that the pool should have: each projection may be rebuilding while it starts."""


async def serve_projector(
    pool: AnyPool,
    open_stream: OpenStream | None,
    *,
    owner: str,
    lease_seconds: float,
    stopping: asyncio.Event,
    registry: Sequence[Projection] = REGISTRY,
) -> None:
    """Keep the read models up with the log until `stopping`.

    The pool acts as daybook_projector. Without a stream the log is read from Postgres alone.
    """
    watch, feed = Watch(pool), Feed(pool, open_stream)
    owning = Owning(pool=pool, feed=feed, watch=watch, owner=owner, lease_seconds=lease_seconds)
    working = asyncio.create_task(_work(owning, registry))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopped.cancel()
        await asyncio.wait({working, stopped})


async def _work(owning: Owning, registry: Sequence[Projection]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(owning.watch.run())
        tasks.create_task(owning.feed.run())
        for projection in registry:
            tasks.create_task(own(owning, projection))
