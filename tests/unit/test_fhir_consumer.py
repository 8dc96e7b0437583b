"""The FHIR consumer when its gateway misbehaves: nothing but its own batch is held up."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services import feeding
from services.feeding import Noted
from services.fhir import consumer as consumer_module
from services.fhir import refused
from services.fhir.consumer import FhirConsumer
from services.fhir.showing import Shown
from services.ports import FhirAway, FhirRefused, NotKept
from services.together import together
from tests.fixtures.waiting import until
from tests.fixtures.world import STARTED_AT
from tests.unit.test_saga_consumer import Deliveries, Message


class Gateway:
    """Keeps what it is given, but for one stream or one tenant."""

    def __init__(self, fault: Exception | None, *, on: str) -> None:
        self._fault = fault
        self._on = on
        self.kept: list[tuple[str, str]] = []

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        for each in shown:
            if self._fault and self._on in (tenant, each.value):
                raise self._fault
        self.kept += [(tenant, each.value) for each in shown]
        return []


class Mirror:
    async def show(self, _tenant: str, streams: Mapping[str, Any]) -> list[Shown]:
        return [Shown("Account", id_, 1, {}) for id_ in streams]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []

    async def note(
        _pool: Any, tenant: str, _shown: Sequence[Shown], not_kept: Sequence[NotKept]
    ) -> None:
        found.extend((tenant, each.shown.value, each.status) for each in not_kept)

    monkeypatch.setattr(refused, "note", note)
    monkeypatch.setattr(consumer_module, "_AGAIN_SECONDS_MIN", 0.001)
    return found


def consumer_over(gateway: Any) -> FhirConsumer:
    consumer = FhirConsumer(gateway, None)  # type: ignore[arg-type]  # nothing asks the pool here
    consumer._mirror = Mirror()  # type: ignore[assignment]  # the log of these tests
    return consumer


def event(tenant: str, stream_id: str) -> Noted:
    return Noted(1, tenant, "billing.account.opened.v1", stream_id, b"", STARTED_AT)


EVENTS = [event("demo", f"acc_{number}") for number in range(9)]


@pytest.mark.parametrize("fault", [ValueError("x"), FhirRefused(422, "no"), KeyError("y")])
async def test_a_stream_that_fails_is_noted_and_the_rest_goes_on(
    noted: list[tuple[str, str, int]], fault: Exception
) -> None:
    gateway = Gateway(fault, on="acc_5")
    await consumer_over(gateway).take(EVENTS)
    assert noted == [("demo", "acc_5", getattr(fault, "status", 0))]
    assert sorted(gateway.kept) == [("demo", f"acc_{n}") for n in range(9) if n != 5]


@pytest.mark.usefixtures("noted")
async def test_a_tenant_whose_server_is_away_holds_up_no_other_of_its_batch() -> None:
    gateway = Gateway(FhirAway("HTTP 401", 401), on="demo")
    with pytest.raises(FhirAway):
        await consumer_over(gateway).take([*EVENTS, event("other", "acc_1")])
    assert gateway.kept == [("other", "acc_1")]


async def test_whatever_fails_comes_again_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_AGAIN_SECONDS_MIN", 0.001)
    consumer, deliveries, stopping = consumer_over(None), Deliveries([Message(1)]), asyncio.Event()

    async def failing(_events: Sequence[Noted]) -> None:
        raise RuntimeError("a fault of the FHIR part")

    async def is_tried_again() -> bool:
        return len(deliveries.told) > 3

    monkeypatch.setattr(consumer, "take", failing)
    running = asyncio.create_task(consumer.run(deliveries, stopping))
    await until(is_tried_again)
    stopping.set()
    await running
    assert {what for what, _ in deliveries.told} == {"in progress"}


async def test_a_gateway_that_never_answers_does_not_keep_a_worker_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeding, "STOPPING_SECONDS_MAX", 0.001)
    deliveries, stopping = Deliveries([Message(1)]), asyncio.Event()
    consumer, began = consumer_over(None), asyncio.Event()

    async def for_ever(_events: Sequence[Noted]) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(consumer, "take", for_ever)
    running = asyncio.create_task(consumer.run(deliveries, stopping))
    await began.wait()
    stopping.set()
    await running
    assert "ack" not in {what for what, _ in deliveries.told}


async def test_the_first_fault_ends_the_others_before_it_is_raised() -> None:
    ended = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await together(waits(), fails())
    assert ended == ["waits"]
