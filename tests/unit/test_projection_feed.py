"""One feed for all projections: bounded, in order, and from Postgres when the stream is silent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from contracts import catalogue
from contracts.ids import event_id
from projections.recorded import Recorded, Undecodable
from services.projector import feed as feeding
from services.projector import mailbox as boxing
from services.projector.feed import Feed, recorded_of
from services.projector.mailbox import Batch, Mailbox
from tests.fixtures.ledger_history import history
from tests.fixtures.waiting import until

LOG = history(13, 120)


class Message(NamedTuple):
    """A delivery of the stream."""

    sequence: int
    headers: dict[str, str]
    payload: bytes


def message_of(item: Recorded) -> Message:
    """As the publisher sends it."""
    return Message(
        item.position,
        {
            "ce-id": event_id(item.stream_id, item.version),
            "ce-source": f"/daybook/{item.tenant}",
            "ce-type": item.type,
            "ce-time": item.recorded_at.isoformat()[:-6] + "Z",
            "ce-partitionkey": item.partition_key,
        },
        catalogue.encode(item.event),
    )


class Bus:
    """Stands for JetStream and for the log in Postgres."""

    def __init__(self) -> None:
        self.opened_after: list[int] = []
        self.head = 0
        self._sent: asyncio.Queue[Sequence[Recorded] | Exception] = asyncio.Queue()

    def send(self, items: Sequence[Recorded] | Exception) -> None:
        self._sent.put_nowait(items)

    @asynccontextmanager
    async def open_stream(self, after: int) -> AsyncIterator["Bus"]:
        self.opened_after.append(after)
        yield self

    async def batches(self) -> AsyncIterator[Sequence[Message]]:
        while True:
            items = await self._sent.get()
            if isinstance(items, Exception):
                raise items
            yield [message_of(item) for item in items]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Bus"]:
        yield self

    async def fetchval(self, _statement: str) -> int:
        return self.head

    async def fetch(self, _statement: str, after: int, until_: int, *_: int) -> list[Any]:
        return [
            (
                item.position,
                item.tenant,
                item.stream_id,
                item.version,
                item.partition_key,
                item.type,
                item.recorded_at,
                catalogue.encode(item.event),
            )
            for item in LOG[after : min(until_, after + 50)]
        ]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PATIENCE_SECONDS",
        "GATHER_SECONDS",
        "STREAM_LATE_SECONDS",
        "POLL_SECONDS",
        "RETRY_SECONDS",
    ):
        monkeypatch.setattr(feeding, name, 0.02)


@asynccontextmanager
async def running(bus: Bus, *, stream: bool = True) -> AsyncIterator[Feed]:
    feed = Feed(bus, bus.open_stream if stream else None)  # type: ignore[arg-type]  # stands for a pool
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def taken(mailbox: Mailbox, count: int) -> list[Recorded]:
    """So many events of a mailbox."""
    events: list[Recorded] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            await mailbox.wait(1)
            events += mailbox.take()
    return events


def test_a_message_is_read_as_postgres_would_give_it() -> None:
    assert [recorded_of(message_of(item)) for item in LOG] == LOG
    foreign = message_of(LOG[0])._replace(payload=b"{")
    assert isinstance(recorded_of(foreign).event, Undecodable)


async def test_every_projection_gets_every_event_decoded_once() -> None:
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as first, feed.subscribed(0) as second:
            for start in (0, 40, 80):
                bus.send(LOG[start : start + 40])
            one, other = await taken(first, 120), await taken(second, 120)
    assert one == LOG[:120]
    assert all(mine is yours for mine, yours in zip(one, other, strict=True))


async def test_a_projection_that_does_not_keep_up_misses_batches_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boxing, "EVENTS_MAX", 20)
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as slow, feed.subscribed(0) as quick:
            for start in range(0, 120, 10):
                bus.send(LOG[start : start + 10])
            assert await taken(quick, 120) == LOG[:120]
            assert slow.behind
            assert slow.take() == LOG[:20]
            assert not slow.behind


async def test_a_projection_that_pauses_for_a_moment_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boxing, "EVENTS_MAX", 20)
    monkeypatch.setattr(feeding, "PATIENCE_SECONDS", 10)
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as mailbox:
            for start in range(0, 120, 10):
                bus.send(LOG[start : start + 10])
            assert await taken(mailbox, 120) == LOG[:120]
            assert not mailbox.behind


def test_a_mailbox_is_bounded_by_bytes_and_takes_one_batch_of_any_size() -> None:
    mailbox = Mailbox()
    huge = Batch(events=LOG[:1], size=10 * boxing.BYTES_MAX)
    assert mailbox.offer(huge)
    assert not mailbox.offer(Batch(events=LOG[1:2], size=1))
    assert mailbox.take() == LOG[:1]
    assert mailbox.offer(Batch(events=LOG[1:2], size=1))
    mailbox.close()
    assert mailbox.offer(huge)
    assert mailbox.take() == []


async def test_the_log_is_read_from_postgres_while_the_stream_is_silent() -> None:
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as mailbox:
            bus.send(LOG[:10])
            assert await taken(mailbox, 10) == LOG[:10]
            bus.head = 110
            assert await taken(mailbox, 100) == LOG[10:110]
            bus.send(LOG[100:120])  # it is back, and a little behind
            assert await taken(mailbox, 10) == LOG[110:120]


async def test_without_a_stream_postgres_is_the_feed() -> None:
    bus = Bus()
    async with running(bus, stream=False) as feed:
        with feed.subscribed(30) as mailbox:
            bus.head = 90
            assert await taken(mailbox, 60) == LOG[30:90]
            bus.head = 100
            assert await taken(mailbox, 10) == LOG[90:100]


async def test_a_stream_that_breaks_is_opened_again_behind_what_it_brought() -> None:
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as mailbox:
            bus.send(LOG[:10])
            bus.send(ConnectionError("gone"))
            bus.send(LOG[10:20])
            assert await taken(mailbox, 20) == LOG[:20]
    assert bus.opened_after == [0, 10]


async def test_the_feed_is_never_behind_its_furthest_projection() -> None:
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(10):
            await until(lambda: _true(bus.opened_after == [10]))
            with feed.subscribed(90):
                await until(lambda: _true(bus.opened_after == [10, 90]))
                with feed.subscribed(50):
                    assert feed.position == 90
                    bus.send(LOG[90:95])
                    await until(lambda: _true(feed.position == 95))
    assert bus.opened_after == [10, 90]


async def test_nothing_is_read_for_nobody() -> None:
    bus = Bus()
    async with running(bus) as feed:
        with feed.subscribed(0) as mailbox:
            bus.send(LOG[:10])
            await taken(mailbox, 10)
        bus.send(LOG[10:20])
        bus.send(LOG[20:30])
        await until(lambda: _true(bus._sent.qsize() == 1))
        with feed.subscribed(10) as mailbox:
            assert await taken(mailbox, 10) == LOG[20:30]


async def _true(condition: bool) -> bool:
    return condition
