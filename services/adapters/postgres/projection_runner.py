"""Runs a `Projection` of the `eventsourcing` library over our log, or over one tenant's part of it.

The projection keeps its place in its own view, in the transaction of what it writes there: so it
sees every event once, in the order of the log, across crashes and restarts.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event
from typing import Any

from eventsourcing.persistence import Notification, Tracking
from eventsourcing.projection import Projection

from contracts.catalogue import CATALOGUE, UnknownEventType
from services.adapters.postgres.event_store import PULL_MAX, AsyncpgRecorder
from services.adapters.postgres.mapper import CatalogueMapper


async def run_projection(
    projection: Projection[Any],
    recorder: AsyncpgRecorder,
    *,
    follow: bool = False,
    batch_max: int = PULL_MAX,
) -> None:
    """Process what the projection has not yet seen of its `topics`; `follow` new events until
    cancelled, or return at the end of the log.

    Events come as `Recorded`, their `Tracking` under `recorder.name`. What the projection raises
    ends the run at that event, which the next run begins with; nothing is ever skipped. Raises
    UnknownEventType for a topic that is no wire type, and PersistenceError.
    """
    _check_topics(projection)
    # Library projections are synchronous and may wait for their database: one thread, so in order.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=projection.name) as thread:
        last = await asyncio.get_running_loop().run_in_executor(
            thread, projection.view.max_tracking_id, recorder.name
        )
        async for batch in recorder.pull(last, projection.topics, follow=follow, limit=batch_max):
            await _process(projection, recorder.name, batch, thread)


def _check_topics(projection: Projection[Any]) -> None:
    unknown = set(projection.topics) - {entry.wire_type for entry in CATALOGUE}
    if unknown:  # it would wait for them for ever, and look as if all were well
        raise UnknownEventType(f"{projection.name} asks for {', '.join(sorted(unknown))}")


async def _process(
    projection: Projection[Any], name: str, batch: Sequence[Notification], thread: Executor
) -> None:
    halt = Event()
    work = asyncio.get_running_loop().run_in_executor(
        thread, _process_until, halt, projection, name, batch
    )
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        halt.set()
        await asyncio.wait([work])  # for the event in work, not for its batch
        raise


def _process_until(
    halt: Event, projection: Projection[Any], name: str, batch: Sequence[Notification]
) -> None:
    mapper = CatalogueMapper()
    for notification in batch:
        if halt.is_set():
            return
        projection.process_event(
            mapper.to_domain_event(notification), Tracking(name, notification.id)
        )
