"""Checkpoints outside of the database: on the bus, in the object store, wherever else they go.

Each place has its own task and gets the newest checkpoint until it took it, so that one that is
away delays neither the others nor the signing; what was signed meanwhile needs no sending, since
the newest one goes on from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter, Gauge

from relay.checkpoints import CheckpointNotStored, publish_checkpoint
from relay.jetstream import Client, StreamSettings
from services.audit.signer import Outside, Signed
from services.audit.signing import log_of
from services.objects import ObjectFailure, ObjectNotFound, object_key
from services.ports import ObjectStore

AGAIN_SECONDS: Final = 5.0
FOLDER: Final = "_log"
LATEST: Final = "latest"

SIZE: Final = Gauge("daybook_checkpoint_size", "Events under the last signed checkpoint.")
PUBLISHED: Final = Gauge(
    "daybook_checkpoint_published_size", "Events under the last checkpoint at a place.", ["place"]
)
FAILURES: Final = Counter(
    "daybook_checkpoint_failures_total", "Attempts to publish that failed.", ["place"]
)
_log = structlog.get_logger()


class NotPublished(Exception):
    """A place did not take a checkpoint; it is tried again."""


class Place(NamedTuple):
    """Somewhere that checkpoints go; `put` raises NotPublished."""

    name: str
    put: Callable[[Signed], Awaitable[None]]


class Publishing:
    """Brings the newest checkpoint to every place."""

    def __init__(self, places: Sequence[Place], again_seconds: float = AGAIN_SECONDS) -> None:
        self._places = places
        self._again_seconds = again_seconds
        self._newest: Signed | None = None
        self._changed = asyncio.Condition()
        self._announcing: set[asyncio.Task[None]] = set()

    def announce(self, signed: Signed) -> None:
        """There is a newer one."""
        self._newest = signed
        SIZE.set(signed.checkpoint.size)
        task = asyncio.get_running_loop().create_task(self._wake())
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as group:
            for place in self._places:
                group.create_task(self._keep(place))

    async def _keep(self, place: Place) -> None:
        there: Signed | None = None
        while True:
            async with self._changed:
                while self._newest is None or self._newest is there:
                    await self._changed.wait()
                newest = self._newest
            try:
                await place.put(newest)
            except NotPublished as failed:
                FAILURES.labels(place.name).inc()
                _log.warning("checkpoint not published", place=place.name, reason=str(failed))
                await asyncio.sleep(self._again_seconds)
            else:
                there = newest
                PUBLISHED.labels(place.name).set(newest.checkpoint.size)


def in_objects(objects: ObjectStore) -> Place:
    """The object store: each by its size, and the latest."""

    async def put(signed: Signed) -> None:
        log_id = log_of(signed.checkpoint)
        try:
            await objects.put(_key(log_id, f"{signed.checkpoint.size:020}"), signed.note)
            await objects.put(_key(log_id, LATEST), signed.note)
        except ObjectFailure as failed:
            raise NotPublished(str(failed)) from failed

    return Place("objects", put)


def on_bus(client: Client, streams: StreamSettings) -> Place:
    """The stream of checkpoints."""

    async def put(signed: Signed) -> None:
        message_id = f"{log_of(signed.checkpoint)}/{signed.checkpoint.size}"
        try:
            await publish_checkpoint(client, streams, signed.note, message_id)
        except CheckpointNotStored as failed:
            raise NotPublished(str(failed)) from failed

    return Place("bus", put)


def latest_in(objects: ObjectStore, again_seconds: float = AGAIN_SECONDS) -> Outside:
    """Reads the last checkpoint that the object store has; waits for one that does not answer,
    since nothing may be signed that was not held against what is there."""

    async def latest(log_id: str) -> bytes | None:
        while True:
            try:
                opened = await objects.open(_key(log_id, LATEST))
                return b"".join([chunk async for chunk in opened.chunks])
            except ObjectNotFound:
                return None
            except ObjectFailure as failed:
                _log.warning("nothing is signed", reason=str(failed), objects=objects.address)
            await asyncio.sleep(again_seconds)

    return latest


def _key(log_id: str, name: str) -> str:
    return object_key(FOLDER, log_id, "checkpoints", name)
