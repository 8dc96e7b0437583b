"""The projector: every projection of the registry, as far as this process can lease them."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from projections.projection import REGISTRY, Projection
from projections.statements import AnyPool
from services.projector.feed import Feed, OpenStream
from services.projector.own import Owning, own
from services.projector.watch import Watch

POOL_SIZE: Final = 4 * len(REGISTRY)
"""Connections that the pool should have: each projection may be rebuilding while it starts."""
YOUNG_OBJECTS_MAX: Final = 200_000


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
    with _collecting_rarely():
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


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Events hold no cycles: looking for some among them was a sixth of the process's work."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # what was imported lives for ever
    gc.set_threshold(YOUNG_OBJECTS_MAX, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _work(owning: Owning, registry: Sequence[Projection]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(owning.watch.run())
        tasks.create_task(owning.feed.run())
        for projection in registry:
            tasks.create_task(own(owning, projection))
