"""ChargeFromEncounter: from recorded encounters, as the consumer gets them, to issued invoices."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec
from temporalio.client import Client

from contracts.catalogue import encode, wire_type
from contracts.encounter import EncounterReceived, EncounterService
from domain import naming
from domain.encounter import RecordEncounter
from services.bench.workload import CODES, CURRENCY, FACILITY, SERVICE_ON, TENANT, check
from services.execute.envelope import Envelope
from services.execute.executor import Executor
from services.feeding import Noted
from services.sagas.consumer import SagaConsumer
from services.sagas.meaning import STREAMS_PER_WORKFLOW_MAX
from services.sagas.starting import Starting
from services.sagas.worker import make_worker
from services.tenant_view import tenant_view

SERVICES: Final = (1, 2, 3, 4, 5)
_CONSUMER_BATCH: Final = 500
_POLL_SECONDS: Final = 0.02
_SECONDS_MAX: Final = 600
# By key, since a scan of all events at each look would cost more than what is measured.
_LOOK_AT: Final = 200
_BILLED: Final = """
SELECT count(*) FROM unnest($2::text[]) AS w (stream_id)
 WHERE EXISTS (SELECT FROM events e
                WHERE (e.tenant, e.stream_id) = ($1, w.stream_id)
                  AND e.type = 'billing.encounter.billed.v2' OFFSET 0)
"""


class Encounters(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of ChargeFromEncounter came to; an encounter has three services on average."""

    encounters_per_second: float
    events_per_second: float
    encounters_per_workflow: int


async def bench_encounters(
    client: Client,
    executor: Executor,
    pool: asyncpg.Pool,
    *,
    first: int,
    count: int,
    per_workflow: int = STREAMS_PER_WORKFLOW_MAX,
) -> Encounters:
    """Charge and invoice `count` encounters of patients who come once.

    Call workload.prepare before; the pool acts as daybook_writer. Recording is not measured.
    """
    events = await _record(executor, first, count)
    consumer = SagaConsumer(Starting(client, pool), pool, streams_max=per_workflow)
    async with make_worker(client, executor, pool):
        begun = time.perf_counter()
        for start in range(0, count, _CONSUMER_BATCH):
            await consumer.take(events[start : start + _CONSUMER_BATCH])
        async with asyncio.timeout(_SECONDS_MAX):
            await _until_billed(pool, [event.stream_id for event in events])
        seconds = time.perf_counter() - begun
    services = sum(len(_encounter(number).services) for number in range(first, first + count))
    # Account opened, charges, invoice drafted and issued, encounter billed.
    return Encounters(
        encounters_per_second=count / seconds,
        events_per_second=(4 * count + services) / seconds,
        encounters_per_workflow=per_workflow,
    )


async def _record(executor: Executor, first: int, count: int) -> list[Noted]:
    encounters = [_encounter(number) for number in range(first, first + count)]
    check(await executor.execute_all([_envelope(encounter) for encounter in encounters]))
    now = datetime.now(UTC)
    return [
        Noted(
            position=first + index,
            tenant=TENANT,
            type=wire_type(EncounterReceived),
            stream_id=encounter.encounter_id,
            body=encode(encounter),
            recorded_at=now,
        )
        for index, encounter in enumerate(encounters)
    ]


async def _until_billed(pool: asyncpg.Pool, streams: list[str]) -> None:
    while streams:
        some = streams[-_LOOK_AT:]
        async with tenant_view(pool, TENANT) as connection:
            billed = await connection.fetchval(_BILLED, TENANT, some)
        if billed == len(some):
            del streams[-_LOOK_AT:]
        else:
            await asyncio.sleep(_POLL_SECONDS)


def _encounter(number: int) -> EncounterReceived:
    return EncounterReceived(
        encounter_id=naming.encounter_id(TENANT, f"encounter-{number}"),
        encounter_ref=f"encounter-{number}",
        patient_id=f"visitor-{number}",
        facility=FACILITY,
        currency=CURRENCY,
        language="en",
        closed_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        services=tuple(
            EncounterService(
                code=f"C{(number + line) % CODES}",
                system="urn:bench",
                quantity=1,
                service_on=SERVICE_ON,
            )
            for line in range(SERVICES[number % len(SERVICES)])
        ),
    )


def _envelope(encounter: EncounterReceived) -> Envelope:
    return Envelope(
        tenant=TENANT,
        command=RecordEncounter(encounter=encounter),
        actor="bench",
        correlation_id="bench",
        payload_hash=hashlib.sha256(b"bench").digest(),
    )
