"""The consumer's promise: acknowledged only when Temporal has taken it, however long that takes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from contracts.bus import source_of
from services import feeding
from services.feeding import Delivered, Noted
from services.sagas import consumer as consumer_module
from services.sagas.consumer import SagaConsumer
from tests.fixtures.golden import golden_body
from tests.fixtures.waiting import until


class Message:
    """An encounter, as the relay publishes it."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.payload = b"{}"
        self.headers: Mapping[str, str] = {
            "ce-specversion": "1.0",
            "ce-id": f"enc_{sequence}-1",
            "ce-source": source_of("demo"),
            "ce-type": "billing.encounter.received.v1",
            "ce-time": "2026-03-02T00:00:00.000000Z",
            "ce-subject": f"enc_{sequence}",
            "ce-datacontenttype": "application/json",
        }


class Deliveries:
    """Batches from a list, then silence; it notes what it is told."""

    def __init__(self, *batches: Sequence[Message]) -> None:
        self._batches = batches
        self.told: list[tuple[str, int]] = []

    async def batches(self) -> AsyncIterator[Sequence[Delivered]]:
        for batch in self._batches:
            yield batch
        await asyncio.Event().wait()

    async def ack(self, messages: Sequence[Delivered]) -> None:
        self.told.append(("ack", messages[-1].sequence))

    async def in_progress(self, messages: Sequence[Delivered]) -> None:
        self.told.append(("in progress", messages[-1].sequence))


class Server:
    """Stands for Temporal, which is away for its first calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.started: list[str] = []

    async def start(self, _saga: Any, _tenant: str, workflow_id: str, _ids: Any) -> None:
        if self.away:
            self.away -= 1
            raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")
        self.started.append(workflow_id)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_AGAIN_SECONDS_MIN", 0.001)


def _consumer(server: Server) -> SagaConsumer:
    return SagaConsumer(server, None)  # type: ignore[arg-type]  # nothing waits, so no pool is asked


async def _run(server: Server, deliveries: Deliveries, until_told: int) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(_consumer(server).run(deliveries, stopping))

    async def told() -> bool:
        return len(deliveries.told) >= until_told

    await until(told)
    stopping.set()
    await running


async def test_batches_are_acknowledged_in_order_after_their_start() -> None:
    server, deliveries = Server(away=0), Deliveries([Message(1), Message(2)], [Message(3)])
    await _run(server, deliveries, 2)
    assert server.started == ["encounters/demo/1-2", "encounter/demo/enc_3"]
    assert deliveries.told == [("ack", 2), ("ack", 3)]


async def test_while_temporal_is_away_the_batch_is_kept_and_tried_again() -> None:
    server, deliveries = Server(away=3), Deliveries([Message(1)], [Message(2)])
    await _run(server, deliveries, 5)
    assert deliveries.told == [*[("in progress", 1)] * 3, ("ack", 1), ("ack", 2)]
    assert server.started == ["encounter/demo/enc_1", "encounter/demo/enc_2"]


async def test_a_consumer_that_stops_while_temporal_is_away_acknowledges_nothing() -> None:
    server, deliveries = Server(away=10**9), Deliveries([Message(1)], [Message(2)])
    await _run(server, deliveries, 2)
    assert {what for what, _ in deliveries.told} == {"in progress"}


async def test_what_takes_long_is_said_to_be_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "PULSE_SECONDS", 0.001)
    deliveries = Deliveries([Message(1)])

    class Slow(Server):
        async def start(self, _saga: Any, _tenant: str, workflow_id: str, _ids: Any) -> None:
            async def is_told_twice() -> bool:
                return len(deliveries.told) >= 2

            await until(is_told_twice)
            self.started.append(workflow_id)

    server = Slow(0)
    await _run(server, deliveries, 3)
    assert deliveries.told[:2] == [("in progress", 1)] * 2
    assert deliveries.told[-1] == ("ack", 1)
    assert server.started == ["encounter/demo/enc_1"]


async def test_of_many_items_of_a_bill_its_workflow_is_told_once() -> None:
    class Told(Server):
        def __init__(self) -> None:
            super().__init__(away=0)
            self.signalled: list[tuple[str, ...]] = []

        async def signal_own(self, saga: Any, *named: str) -> None:
            self.signalled.append((saga.kind, *named))

    type_ = "billing.bill.line_item_added.v1"
    events = [
        Noted(
            position=position,
            tenant="demo",
            type=type_,
            stream_id=f"bill_{position % 2}",
            body=golden_body(type_),
            recorded_at=datetime(2026, 3, 2, tzinfo=UTC),
        )
        for position in range(1, 101)
    ]
    server = Told()
    await _consumer(server).take(events)
    assert sorted(server.signalled) == [
        ("bill", "demo", "bill_0", "totals_changed"),
        ("bill", "demo", "bill_1", "totals_changed"),
    ]


async def test_what_is_no_fault_of_a_server_stops_the_consumer() -> None:
    class Broken(Server):
        async def start(self, _saga: Any, _tenant: str, workflow_id: str, _ids: Any) -> None:
            raise LookupError(workflow_id)

    deliveries = Deliveries([Message(1)])
    with pytest.raises(LookupError):
        await _consumer(Broken(0)).run(deliveries, asyncio.Event())
    assert deliveries.told == []
