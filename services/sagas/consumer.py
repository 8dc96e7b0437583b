"""The inbox consumer `sagas`: reads the events of its table and starts or signals workflows.

An event is acknowledged only after Temporal has taken what it means, and what it means may be said
twice: a crash anywhere leads to the same result.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import structlog
from temporalio.service import RPCError

from contracts.bus import source_of
from contracts.catalogue import decode
from contracts.cloudevent import from_nats
from contracts.invoice import InvoiceIssued
from services.sagas import metrics, waits, workflow_ids
from services.sagas.starting import Starting
from services.sagas.table import TABLE, Resume, Saga, Start, Wake

CONSUMER: Final = "sagas"
STREAMS_PER_WORKFLOW_MAX: Final = 100
# Long encounters share a workflow with fewer others.
BYTES_PER_WORKFLOW_MAX: Final = 512 * 1024
# What comes within this time shares workflows: many small ones cost more than they hurry.
WAIT_SECONDS: Final = 0.25

_AGAIN_SECONDS_MIN: Final = 0.25
_AGAIN_SECONDS_MAX: Final = 10.0
_AWAY: Final = (RPCError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

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


class Noted(NamedTuple):
    """An event of the table, as the consumer needs it."""

    position: int
    tenant: str
    type: str
    stream_id: str
    body: bytes
    recorded_at: datetime


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
            ),
            *(
                self._starting.resume(meaning.saga, event.tenant, event.stream_id)
                for event in events
                if isinstance(meaning := TABLE[event.type], Resume)
            ),
        )
        await self._wake(events)

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

    async def _wake(self, events: Sequence[Noted]) -> None:
        issued: dict[str, set[str]] = defaultdict(set)
        for event in events:
            if isinstance(TABLE[event.type], Wake):
                invoice = decode(event.type, event.body)
                if isinstance(invoice, InvoiceIssued):
                    issued[event.tenant] |= {invoice.invoice_id, invoice.number}
        waiting = await waits.who_waits(self._pool, issued)
        await asyncio.gather(
            *(self._starting.wake(tenant, workflow_id) for tenant, workflow_id in waiting)
        )


def starts(
    events: Sequence[Noted], streams_max: int = STREAMS_PER_WORKFLOW_MAX
) -> Iterator[tuple[Saga, str, str, list[str]]]:
    """What is to be started: saga, tenant, workflow id and the streams that share it."""
    together: dict[tuple[Saga, str], list[Noted]] = defaultdict(list)
    for event in events:
        meaning = TABLE[event.type]
        if isinstance(meaning, Start):
            together[meaning.saga, event.tenant].append(event)
    for (saga, tenant), all_of_them in together.items():
        for some in _parts(all_of_them, streams_max):
            yield saga, tenant, _workflow_id(saga, some), [event.stream_id for event in some]


def _workflow_id(saga: Saga, events: Sequence[Noted]) -> str:
    first, last = events[0], events[-1]
    if len(events) == 1:
        return workflow_ids.of_one(saga.kind, first.tenant, first.stream_id)
    return workflow_ids.of_batch(saga.kind, first.tenant, first.position, last.position)


def _parts(events: Sequence[Noted], streams_max: int) -> Iterator[list[Noted]]:
    part: list[Noted] = []
    size_bytes = 0
    for event in events:
        size_bytes += len(event.body)
        full = len(part) == streams_max or size_bytes > BYTES_PER_WORKFLOW_MAX
        if part and full:
            yield part
            part, size_bytes = [], len(event.body)
        part.append(event)
    if part:
        yield part
