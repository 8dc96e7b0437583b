"""Who reads a tenant's events live: woken when there is more, by one listener for all of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from relay.database import PASSING, listening, raise_if_cancelled
from services.api.event_pages import Pages
from services.api.problems import Problem

STREAMS_MAX: Final = 1_000
STREAMS_PER_TENANT_MAX: Final = 200
POLL_SECONDS: Final = 1.0
# A busy log notifies hundreds of times a second; readers need not look that often.
PAUSE_SECONDS: Final = 0.02

_log = structlog.get_logger()


class EventFeed:
    """The streams of a process; it listens while there are any."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        registry: CollectorRegistry,
        *,
        streams_max: int = STREAMS_MAX,
        streams_per_tenant_max: int = STREAMS_PER_TENANT_MAX,
    ) -> None:
        self.pages = Pages(pool)
        self.closing = asyncio.Event()
        """Set when the process stops: streams end at once."""
        self._pool = pool
        self._streams_max = streams_max
        self._per_tenant_max = streams_per_tenant_max
        self._readers: dict[str, set[asyncio.Event]] = {}
        self._heads: dict[str, int] = {}
        self._notified = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.open = Gauge("daybook_event_streams", "Streams of events now", registry=registry)
        self.ended = Counter(
            "daybook_event_streams_ended", "Streams that ended", ("reason",), registry=registry
        )

    @contextmanager
    def reader(self, tenant: str) -> Iterator[asyncio.Event]:
        """What is set when a tenant's log has more; raises Problem TOO_MANY_REQUESTS."""
        count = sum(map(len, self._readers.values()))
        readers = self._readers.setdefault(tenant, set())
        if count >= self._streams_max or len(readers) >= self._per_tenant_max:
            raise Problem("TOO_MANY_REQUESTS", "there are too many streams of events: come again")
        more = asyncio.Event()
        readers.add(more)
        self.open.inc()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            yield more
        finally:
            self.open.dec()
            readers.discard(more)
            if not readers:
                self._readers.pop(tenant, None)
                self._heads.pop(tenant, None)
            if not self._readers:
                self._stop_watching()

    def close(self) -> None:
        """End every stream; readers go on elsewhere from where they were."""
        self.closing.set()
        for readers in self._readers.values():
            for more in readers:
                more.set()

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        while True:
            try:
                async with (
                    self._pool.acquire() as connection,
                    listening(connection, "daybook_log", self._heard),
                ):
                    while True:
                        await self._wait()
                        await self._wake()
            except PASSING as away:
                raise_if_cancelled(away)
                _log.warning("events are not listened to", reason=repr(away))
                await asyncio.sleep(POLL_SECONDS)

    def _heard(self, *_: object) -> None:
        self._notified.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._notified.wait()
        except TimeoutError:
            return  # a notification may be lost with its connection
        finally:
            self._notified.clear()

    async def _wake(self) -> None:
        heads = await self.pages.heads(sorted(self._readers))
        for tenant, head in heads.items():
            if self._heads.get(tenant) != head:
                self._heads[tenant] = head
                for more in self._readers.get(tenant, ()):
                    more.set()
        await asyncio.sleep(PAUSE_SECONDS)
