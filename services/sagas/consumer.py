"""The inbox consumer `sagas`: reads the events of its table and starts or signals workflows.

An event is acknowledged only after Temporal has taken what it means, and what it means may be said
twice: a crash anywhere leads to the same result.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import asyncpg
import structlog
from opentelemetry.trace import SpanKind
from temporalio.service import RPCError

from contracts.bus import source_of
from contracts.cloudevent import from_nats
from relay import spans
from relay.database import PASSING
from services.sagas import metrics, waits
from services.sagas.meaning import (
    STREAMS_PER_WORKFLOW_MAX,
    Happening,
    Noted,
    Target,
    happenings,
    signals_of,
    starts,
)
from services.sagas.starting import Starting
from services.sagas.waits import Wait

CONSUMER: Final = "sagas"
# What comes within this time shares workflows: many small ones cost more than they hurry.
WAIT_SECONDS: Final = 0.25

_AGAIN_SECONDS_MIN: Final = 0.25
_AGAIN_SECONDS_MAX: Final = 10.0
_AWAY: Final = (RPCError, *PASSING)

_log = structlog.get_logger()


class Delivered(Protocol):
    """A message of the stream of events that waits for its acknowledgement."""

    @property
    def headers(self) -> Mapping[str, str] | None: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def sequence(self) -> int: ...


class Deliveries(Protocol):
    """The durable consumer of the stream of events; it is given back what it gave."""

    def batches(self) -> AsyncIterator[Sequence[Delivered]]:
        """Batches in order, for ever."""

    async def ack(self, messages: Sequence[Any]) -> None:
        """They are settled; returns when the server knows."""

    async def in_progress(self, messages: Sequence[Any]) -> None:
        """They are worked on: do not deliver them to somebody else yet."""


def noted(message: Delivered) -> Noted:
    """The event of a message; raises NotACloudEvent, which our own relay never sends."""
    event = from_nats(message.headers, message.payload)
    return Noted(
        position=message.sequence,
        tenant=event.source.removeprefix(source_of("")),
        type=event.type,
        stream_id=event.subject or "",
        body=event.data or b"",
        recorded_at=event.time or datetime.now(UTC),
    )


def _traceparent(message: Delivered) -> str | None:
    return (message.headers or {}).get("ce-traceparent")


class SagaConsumer:
    """Hands events to Temporal; the pool acts as daybook_writer."""

    def __init__(
        self,
        starting: Starting,
        pool: asyncpg.Pool,
        *,
        streams_max: int = STREAMS_PER_WORKFLOW_MAX,
    ) -> None:
        self._starting = starting
        self._pool = pool
        self._streams_max = streams_max

    async def run(self, deliveries: Deliveries, stopping: asyncio.Event) -> None:
        """Take batches until `stopping`; what is not acknowledged by then comes again."""
        batches = deliveries.batches()
        ended = asyncio.ensure_future(stopping.wait())
        try:
            while not stopping.is_set():
                following = asyncio.ensure_future(anext(batches))
                await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    return
                await self._settle(deliveries, following.result(), ended)
        finally:
            ended.cancel()

    async def take(self, events: Sequence[Noted]) -> None:
        """Start and signal what events mean; returns once Temporal has taken all of it.

        Raises RPCError when Temporal is away, asyncpg's errors and OSError when Postgres is.
        """
        await asyncio.gather(
            *(
                self._starting.start(saga, tenant, workflow_id, stream_ids)
                for saga, tenant, workflow_id, stream_ids in starts(events, self._streams_max)
            )
        )
        happened = list(happenings(events))
        waiting = await self._who_waits(happened)
        signals = signals_of(happened, waiting)
        await asyncio.gather(*(self._signal(*each) for each in signals.items()))

    async def _settle(
        self,
        deliveries: Deliveries,
        messages: Sequence[Delivered],
        ended: "asyncio.Future[Any]",
    ) -> None:
        events = [noted(message) for message in messages]
        pause_seconds = _AGAIN_SECONDS_MIN
        while True:
            try:
                with spans.span("sagas take", map(_traceparent, messages), SpanKind.CONSUMER):
                    await self.take(events)
                break
            except _AWAY as away:
                metrics.AWAY.inc()
                _log.error(
                    "events wait: Temporal or Postgres is away",
                    first_position=events[0].position,
                    events=len(events),
                    again_seconds=pause_seconds,
                    error=repr(away),
                )
            await deliveries.in_progress(messages)
            await asyncio.wait({ended}, timeout=pause_seconds)
            if ended.done():
                return
            pause_seconds = min(_AGAIN_SECONDS_MAX, pause_seconds * 2)
        await deliveries.ack(messages)
        metrics.CONSUMER_POSITION.set(events[-1].position)
        age = datetime.now(UTC) - events[-1].recorded_at
        metrics.CONSUMER_LAG_SECONDS.set(age.total_seconds())

    async def _who_waits(self, happened: Sequence[Happening]) -> list[Wait]:
        keys: dict[str, set[str]] = defaultdict(set)
        for each in happened:
            keys[each.tenant].update(each.keys)
        return await waits.who_waits(self._pool, keys)

    async def _signal(self, target: Target, happened: Sequence[Happening]) -> None:
        if target.workflow_id and await self._starting.signal(
            target.tenant, target.workflow_id, target.signal
        ):
            return
        # Of many events of a stream its workflow is told once.
        own = {
            (each.meaning.saga, each.tenant, each.stream_id, each.meaning.signal): None
            for each in happened
            if each.meaning.or_start
        }
        await asyncio.gather(*(self._starting.signal_own(*named) for named in own))
