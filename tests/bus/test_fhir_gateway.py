"""What our events look like on a FHIR server, from the real stream, whatever happens in between."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from relay.connection import Client
from relay.consumer import pending_of
from relay.inbox import DurableConsumer, durable_feed
from relay.jetstream import StreamSettings, ask
from services.adapters.fhir_store import StoreGateway
from services.embedded.addresses import Addresses
from services.fhir import consumer as fhir
from services.fhir import metrics
from services.fhir.mirror import TYPES, Mirror
from services.fhir.naming import id_here, position_of, with_literals
from services.fhir.refused import list_refused
from services.fhir.showing import Shown
from services.fhir.validating import validate
from services.ports import FhirAway, FhirGateway, NotKept
from tests.bus.conftest import Publishing
from tests.fixtures.clinic_history import add_clinic
from tests.fixtures.databases import Database
from tests.fixtures.fhir_servers import fhir_over
from tests.fixtures.ledger_log import EventLog, commit_log
from tests.fixtures.relaying import counted, sequence_all
from tests.fixtures.waiting import until

TENANTS = ("demo", "other")


def clinics() -> EventLog:
    """Two tenants whose ids are the same, and whose books are not."""
    log = EventLog()
    for number, tenant in enumerate(TENANTS):
        add_clinic(log, tenant, seed=number, steps=90)
    return log


LOG = clinics()
LAST = max(each.position for each in LOG.recorded if each.type in TYPES)


class Awkward:
    """A gateway that is away at first, and then refuses what it is told to."""

    def __init__(self, gateway: FhirGateway, *, away: int = 0, refuses: str = "") -> None:
        self._gateway = gateway
        self.away = away
        self.refuses = refuses

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        if self.away:
            self.away -= 1
            raise FhirAway("connection refused")
        await self._gateway.keep(tenant, [each for each in shown if each.type != self.refuses])
        return [NotKept(each, 422, "no") for each in shown if each.type == self.refuses]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir, "_AGAIN_SECONDS_MIN", 0.001)


@pytest.fixture
async def writer(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_writer", 2)


@asynccontextmanager
async def showing(
    client: Client, streams: StreamSettings, gateway: FhirGateway, writer: asyncpg.Pool
) -> AsyncIterator[None]:
    """A worker's part, until it is stopped."""
    consumer = DurableConsumer(
        stream=streams.events,
        name=fhir.CONSUMER,
        filter_subjects=tuple(map(streams.subject, fhir.filter_subjects())),
    )
    stopping = asyncio.Event()
    async with durable_feed(client, consumer, wait_seconds=0.02) as feed:
        task = asyncio.create_task(fhir.FhirConsumer(gateway, writer).run(feed, stopping))
        try:
            yield
        finally:
            stopping.set()
            await task


async def published(admin: asyncpg.Pool, pool: asyncpg.Pool) -> None:
    async with admin.acquire() as connection:
        await commit_log(connection, LOG.recorded)
    await sequence_all(pool)


async def until_shown() -> None:
    """Wait until the consumer has acknowledged the last event that is shown."""

    async def is_there() -> bool:
        return counted("daybook_fhir_position") == LAST

    await until(is_there)


@pytest.fixture(autouse=True)
def _nothing_shown_yet() -> None:
    metrics.POSITION.set(0)


async def kept(admin: asyncpg.Pool) -> list[tuple[Any, ...]]:
    rows = await admin.fetch(
        "SELECT tenant, type, id, version, log_position FROM fhir_resources ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in rows]


async def expected(writer: asyncpg.Pool) -> list[tuple[Any, ...]]:
    """What the log as a whole looks like."""
    changed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in LOG.recorded:
        if each.type in TYPES:
            changed[each.tenant][each.stream_id].add(each.type)
    found = []
    for tenant, streams in changed.items():
        shown = await Mirror(writer).show(tenant, streams)
        assert {each.value for each in shown} == streams.keys()
        found += [(tenant, each.type, id_here(each.value), each.position) for each in shown]
        for one in shown:
            resource = with_literals(one.resource) | {"id": id_here(one.value)}
            validate(one.type, resource)
            assert position_of(resource) == one.position
    return sorted(found)


async def test_everything_that_is_shown_is_valid_and_as_of_the_end_of_the_log(
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    writer: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
    publishing: Publishing,
) -> None:
    await published(admin, pool)
    async with publishing(), showing(client, streams, StoreGateway(writer), writer):
        await until_shown()
    found = await kept(admin)
    assert [(*each[:3], each[4]) for each in found] == await expected(writer)
    assert {each[1] for each in found} == {
        *("Account", "ChargeItem", "Invoice", "PaymentReconciliation")
    }
    statuses = await admin.fetch("SELECT DISTINCT status FROM fhir_resources")
    assert {"billable", "billed", "aborted", "draft"} <= {row["status"] for row in statuses}

    # All of it again: nothing is written twice.
    await ask(client, f"CONSUMER.DELETE.{streams.events}.{fhir.CONSUMER}", answer=dict)
    metrics.POSITION.set(0)
    async with showing(client, streams, StoreGateway(writer), writer):
        await until_shown()
    assert await kept(admin) == found


async def test_a_server_that_is_away_gets_everything_when_it_is_back(
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    writer: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
    publishing: Publishing,
) -> None:
    await published(admin, pool)
    gateway = Awkward(StoreGateway(writer), away=1_000_000)
    before = counted("daybook_fhir_away_total")

    async def is_tried() -> bool:
        return counted("daybook_fhir_away_total") > before + 3

    async def is_settled() -> bool:
        return await pending_of(client, streams.events, fhir.CONSUMER) == 0

    async with publishing(), showing(client, streams, gateway, writer):
        await until(is_tried)
        assert await pending_of(client, streams.events, fhir.CONSUMER)
        assert counted("daybook_fhir_lag_seconds") > 0
        assert await kept(admin) == []
        gateway.away = 0
        await until_shown()
        await until(is_settled)
        assert counted("daybook_fhir_lag_seconds") == 0
    assert [(*each[:3], each[4]) for each in await kept(admin)] == await expected(writer)


async def test_another_server_is_kept_up_by_rest_alone(
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    writer: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
    publishing: Publishing,
    stack: Addresses,
) -> None:
    await published(admin, pool)
    async with fhir_over("http", stack) as other:
        async with publishing(), showing(client, streams, other.gateway, writer):
            await until_shown()
        found = []
        for type_ in ("Account", "ChargeItem", "Invoice", "PaymentReconciliation"):
            for each in await other.client.search(type_, {}):
                named = each["identifier"][0]
                tenant = named["system"].split(":")[2]
                found.append((tenant, type_, id_here(named["value"]), position_of(each)))
    assert sorted(found) == await expected(writer)
    assert (await list_refused(writer, "demo")).items == []


@pytest.mark.parametrize("type_", ["Account", "ChargeItem"])
async def test_what_is_refused_is_noted_and_the_rest_goes_on(
    type_: str,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    writer: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
    publishing: Publishing,
) -> None:
    await published(admin, pool)
    gateway = Awkward(StoreGateway(writer), refuses=type_)
    async with publishing(), showing(client, streams, gateway, writer):
        await until_shown()
    whole = await expected(writer)
    found = [(*each[:3], each[4]) for each in await kept(admin)]
    assert found == [each for each in whole if each[1] != type_]
    refused = (await list_refused(writer, "demo")).items
    wanted = [each for each in whole if each[0] == "demo" and each[1] == type_]
    assert [(each.type, each.status, each.detail) for each in refused] == [
        (type_, 422, "no")
    ] * len(wanted)

    again = fhir.FhirConsumer(StoreGateway(writer), writer)
    assert await again.again("demo", [each.stream_id for each in refused]) == 0
    assert (await list_refused(writer, "demo")).items == []
    found = [(*each[:3], each[4]) for each in await kept(admin) if each[0] == "demo"]
    assert found == [each for each in whole if each[0] == "demo"]
