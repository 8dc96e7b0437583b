"""Following a log while several writers append to it: nothing missed, nothing twice, in order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from services.embedded.addresses import Addresses
from tests.fixtures.bare_recorder import BareRecorder
from tests.fixtures.recorder_bridge import drop_bare_log, open_bare_log

WRITERS, COMMANDS, EVENTS = 6, 25, 3


@pytest.fixture
async def recorder(stack: Addresses) -> AsyncIterator[BareRecorder]:
    pool = await open_bare_log(stack.postgres_url)
    yield BareRecorder(pool)
    await drop_bare_log(pool)


def command(stream: str, number: int, topic: str = "topic") -> list[StoredEvent]:
    first = number * EVENTS
    return [StoredEvent(stream, first + n, topic, b"state") for n in range(EVENTS)]


async def first_of(recorder: BareRecorder, count: int, gt: int) -> list[Notification]:
    found = []
    async for notification in recorder.subscribe(gt):
        found.append(notification)
        if len(found) == count:
            break
    return found


async def test_a_follower_misses_nothing_of_concurrent_writers(recorder: BareRecorder) -> None:
    async def write(writer: int) -> None:
        for number in range(COMMANDS):
            await recorder.insert_events(command(f"demo/{writer}", number))

    total = WRITERS * COMMANDS * EVENTS
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        followers = [tasks.create_task(first_of(recorder, total - gt, gt)) for gt in (0, 7)]
        for writer in range(WRITERS):
            tasks.create_task(write(writer))
    whole, later = (follower.result() for follower in followers)
    assert [n.id for n in whole] == list(range(1, total + 1))
    assert later == whole[7:]
    for writer in range(WRITERS):
        versions = [n.originator_version for n in whole if n.originator_id == f"demo/{writer}"]
        assert versions == list(range(COMMANDS * EVENTS))


async def test_of_rival_writers_one_wins_and_positions_stay_dense(recorder: BareRecorder) -> None:
    outcomes = await asyncio.gather(
        *(recorder.insert_events(command("demo/rival", 0)) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 7
    assert await recorder.insert_events(command("demo/next", 0)) == [4, 5, 6]
    assert await recorder.max_notification_id() == 6


async def test_a_follower_of_a_topic_waits_past_events_of_others(recorder: BareRecorder) -> None:
    async def rare() -> Notification:
        return await anext(recorder.subscribe(topics=["rare"]))

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(rare())
        for number in range(COMMANDS):
            await recorder.insert_events(command("demo/common", number))
        await recorder.insert_events(command("demo/rare", 0, "rare"))
    assert follower.result().id == COMMANDS * EVENTS + 1
