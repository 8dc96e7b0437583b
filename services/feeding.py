"""What a durable consumer with effects does with its batches: taken as often as it needs, in order,
and acknowledged only then. A batch may come twice, so taking it twice must do nothing more.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry.trace import SpanKind

from contracts.bus import source_of
from contracts.cloudevent import from_nats
from relay import spans

AGAIN_SECONDS_MAX: Final = 10.0
# Well below the time after which a message is delivered to somebody else.
PULSE_SECONDS: Final = 10.0
# Whoever stops lets a batch end that is about to: it comes again otherwise.
STOPPING_SECONDS_MAX: Final = 5.0


class Noted(NamedTuple):
    """An event of the stream, as a consumer needs it."""

    position: int
    tenant: str
    type: str
    stream_id: str
    body: bytes
    recorded_at: datetime


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


class Taking(NamedTuple):
    """How a consumer takes its batches."""

    name: str
    take: Callable[[Sequence[Noted]], Awaitable[None]]
    away: tuple[type[Exception], ...]
    """What it raises while somebody else is away: then the batch is taken again, later."""
    note_away: Callable[[Sequence[Noted], Exception, float], None]
    """Says so; the last is in how many seconds it is tried again."""
    note_taken: Callable[[Sequence[Noted]], None]
    again_seconds_min: float


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


async def feed(taking: Taking, deliveries: Deliveries, stopping: asyncio.Event) -> None:
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
            await _settle(taking, deliveries, following.result(), ended)
    finally:
        ended.cancel()


async def _settle(
    taking: Taking,
    deliveries: Deliveries,
    messages: Sequence[Delivered],
    ended: "asyncio.Future[Any]",
) -> None:
    events = [noted(message) for message in messages]
    pause_seconds = taking.again_seconds_min
    while True:
        try:
            name = f"{taking.name} take"
            with spans.span(name, map(_traceparent, messages), SpanKind.CONSUMER):
                if not await _take(taking, deliveries, messages, events, ended):
                    return
            break
        except taking.away as away:
            taking.note_away(events, away, pause_seconds)
        await deliveries.in_progress(messages)
        await asyncio.wait({ended}, timeout=pause_seconds)
        if ended.done():
            return
        pause_seconds = min(AGAIN_SECONDS_MAX, pause_seconds * 2)
    await deliveries.ack(messages)
    taking.note_taken(events)


async def _take(
    taking: Taking,
    deliveries: Deliveries,
    messages: Sequence[Delivered],
    events: Sequence[Noted],
    ended: "asyncio.Future[Any]",
) -> bool:
    """Take a batch however long that lasts, and say meanwhile that it is worked on; whether it was
    taken before the end."""
    working = asyncio.ensure_future(taking.take(events))
    either = {working, ended}
    try:
        while not working.done() and not ended.done():
            await asyncio.wait(either, timeout=PULSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await deliveries.in_progress(messages)
        await asyncio.wait({working}, timeout=STOPPING_SECONDS_MAX)
        if working.done():
            working.result()
        return working.done()
    finally:
        working.cancel()
        await asyncio.wait({working})
