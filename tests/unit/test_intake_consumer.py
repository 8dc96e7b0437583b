"""The intake in an outage and under large messages: longer pauses each round, little in hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from relay.consumer import Delivery
from services.execute.attempt import LedgerUnavailable
from services.intake import consuming
from services.intake.consuming import Intake
from services.intake.reading import Arrived
from services.intake.taking import Taken
from tests.fixtures.waiting import until

MEBIBYTE = 1024 * 1024


def delivery(sequence: int, size: int = 2) -> Delivery:
    return Delivery(sequence, "intake.demo.some.v1", {}, b"x" * size, f"ack.{sequence}", 1)


class Feed:
    """Batches of one message each, then silence; it notes what is told."""

    def __init__(self, messages: Sequence[Delivery]) -> None:
        self._messages = messages
        self.given = 0
        self.acknowledged: list[int] = []
        self.delays: list[float] = []

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        for message in self._messages:
            self.given += 1
            yield [message]
        await asyncio.Event().wait()

    async def ack(self, messages: Sequence[Delivery]) -> None:
        self.acknowledged += [message.sequence for message in messages]

    async def nak(self, messages: Sequence[Delivery], *, delay_seconds: float = 0.0) -> None:
        self.delays.append(delay_seconds)


class Ledger:
    """Settles nothing before it is told how; notes how many bytes it was given at once."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.bytes = self.bytes_max = 0

    async def take(self, batch: Sequence[Arrived]) -> Taken:
        size = sum(len(arrived.payload) for arrived in batch)
        self.bytes += size
        self.bytes_max = max(self.bytes_max, self.bytes)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        try:
            await answer
        finally:
            self.bytes -= size
        return Taken(list(range(len(batch))), [], [], len(batch), 0, 0)

    def fail_all(self) -> None:
        failing, self.waiting = self.waiting, []
        for answer in failing:
            answer.set_exception(LedgerUnavailable("away"))

    async def has(self, count: int) -> None:
        async def are_there() -> bool:
            return len(self.waiting) >= count

        await until(are_there)


def intake(ledger: Ledger, feed: Feed) -> Intake:
    taking: Any = ledger
    deliveries: Any = feed
    return Intake(taking, deliveries)


async def test_the_pause_grows_once_a_round_however_many_batches_are_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consuming, "_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(consuming, "_IN_FLIGHT_MAX", 4)
    feed, ledger = Feed([delivery(number) for number in range(1, 13)]), Ledger()
    stopping = asyncio.Event()
    running = asyncio.create_task(intake(ledger, feed).run(stopping))
    for _ in range(3):
        await ledger.has(4)
        ledger.fail_all()

    async def are_told() -> bool:
        return len(feed.delays) == 12

    await until(are_told)
    stopping.set()
    await running
    assert feed.delays == [0.002] * 4 + [0.004] * 4 + [0.008] * 4


async def test_a_stop_does_not_wait_for_a_ledger_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_AGAIN_SECONDS", "_AWAY_SECONDS_MAX"):
        monkeypatch.setattr(consuming, name, 3_600.0)
    feed, ledger = Feed([delivery(1)]), Ledger()
    stopping = asyncio.Event()
    running = asyncio.create_task(intake(ledger, feed).run(stopping))
    await ledger.has(1)
    ledger.fail_all()

    async def is_told() -> bool:
        return bool(feed.delays)

    await until(is_told)
    stopping.set()
    async with asyncio.timeout(30):
        await running


async def test_batches_in_flight_are_bounded_by_bytes_and_a_larger_one_goes_alone() -> None:
    sizes = [3, 3, 3, 20, 1, 9, 1, 1, 1, 1]
    messages = [delivery(number, size * MEBIBYTE) for number, size in enumerate(sizes, 1)]
    feed, ledger = Feed(messages), Ledger()
    stopping = asyncio.Event()
    running = asyncio.create_task(intake(ledger, feed).run(stopping))
    together = []
    while len(feed.acknowledged) < len(sizes):
        await ledger.has(1)
        for _ in range(20):
            await asyncio.sleep(0)
        together.append(ledger.bytes // MEBIBYTE)
        ledger.waiting.pop(0).set_result(None)
        for _ in range(20):
            await asyncio.sleep(0)
    stopping.set()
    await running
    assert feed.acknowledged == list(range(1, len(sizes) + 1))
    assert ledger.bytes_max == 20 * MEBIBYTE
    assert together == [6, 6, 3, 20, 1, 9, 4, 3, 2, 1]


async def test_what_waits_for_another_system_comes_again_later_than_the_rest() -> None:
    class Split:
        """Settles nothing: one message is to come again, one later."""

        async def take(self, _batch: Sequence[Arrived]) -> Taken:
            return Taken([], [0], [0], 0, 0, 0)

    feed, taking = Feed([delivery(1)]), cast(Any, Split())
    stopping = asyncio.Event()
    running = asyncio.create_task(Intake(taking, cast(Any, feed)).run(stopping))

    async def are_told() -> bool:
        return len(feed.delays) == 2

    await until(are_told)
    stopping.set()
    await running
    again, later = feed.delays
    assert later > 10 * again
