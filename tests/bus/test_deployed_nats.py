"""The configuration of deploy/nats: it keeps tenants apart, and a cluster outlives a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.js.errors import NoStreamResponseError

from relay.connection import BusError, Client, connect
from relay.jetstream import JetStreamError, StreamSettings, ensure_intake, find_stream
from relay.producer import NotStored, send
from relay.publisher import run_publisher
from services.embedded.addresses import without_passwords
from tests.fixtures.committing import commit_many
from tests.fixtures.deployed_nats import PASSWORDS, Server, cluster, single, start_all
from tests.fixtures.relaying import sequence_all, take_lease
from tests.fixtures.streams import assert_whole, until_published
from tests.fixtures.waiting import until

OURS = ("daybook", PASSWORDS["DAYBOOK_NATS_PASSWORD"])
DEMO = ("producer-demo", PASSWORDS["DAYBOOK_NATS_DEMO_PASSWORD"])
REPLICATED = StreamSettings(replicas=3)
SUBJECT = "intake.demo.clinical.encounter.closed.v1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = single(tmp_path)
    try:
        await server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
async def ours(server: Server) -> AsyncIterator[Client]:
    client = await connect(server.url(*OURS), name="test")
    await ensure_intake(client, StreamSettings())
    yield client
    await client.close()


async def test_a_tenants_producer_reaches_its_own_intake_alone(
    server: Server, ours: Client
) -> None:
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error).lower())

    producer = await nats.connect(server.url(*DEMO), error_cb=note, inbox_prefix="_INBOX_demo")
    acknowledged = await producer.jetstream().publish(SUBJECT, b"{}")
    assert (acknowledged.stream, acknowledged.seq) == ("BILLING_INTAKE", 1)
    for subject in ("intake.other.x", "billing.demo.0.charge.captured.v1", "$JS.API.INFO"):
        await producer.publish(subject, b"")
    for subject in ("billing.>", "_DAYBOOK.>"):
        await producer.subscribe(subject)
    await producer.flush()

    async def all_are_refused() -> bool:
        return len(refused) == 5

    await until(all_are_refused)
    assert all("permissions violation" in reason for reason in refused)
    await producer.close()


async def test_our_user_is_none_of_the_systems(server: Server, ours: Client) -> None:
    with pytest.raises(NoStreamResponseError):
        await ours.jetstream().publish("$SYS.REQ.SERVER.PING", b"")


@asynccontextmanager
async def running(servers: list[Server]) -> AsyncIterator[str]:
    """The servers, with the address that our processes would be given."""
    try:
        await start_all(servers)
        yield ",".join(server.url(*OURS) for server in servers)
    finally:
        for server in servers:
            server.kill()


async def test_a_cluster_keeps_what_it_acknowledged_when_a_server_is_lost(tmp_path: Path) -> None:
    servers = cluster(tmp_path)
    async with running(servers) as url:
        assert OURS[1] not in without_passwords(url)
        client = await connect(url, name="test")

        async def made() -> bool:
            with suppress(JetStreamError):  # until the cluster has a leader
                await ensure_intake(client, REPLICATED)
                return True
            return False

        async def sent() -> bool:
            with suppress(NotStored, BusError):
                return await send(client, [(SUBJECT, {}, b"{}")]) == 1
            return False

        await until(made)
        await until(sent)
        servers[0].kill()
        await until(sent)
        found = await find_stream(client, REPLICATED.intake)
        assert found is not None
        assert found.config["num_replicas"] == 3
        assert found.state.messages >= 2
        await client.close()


async def test_the_log_is_whole_in_a_cluster_that_lost_a_server_meanwhile(
    tmp_path: Path, admin: asyncpg.Pool, pool: asyncpg.Pool
) -> None:
    servers = cluster(tmp_path)
    async with running(servers) as url:
        client = await connect(url, name="test")
        await commit_many(admin, "demo", "inv_a", 300)
        await sequence_all(pool)
        lease = await take_lease(pool, "relay.publisher", "test")
        publishing = asyncio.create_task(run_publisher(pool, client, lease, REPLICATED))
        try:
            await _patiently(lambda: until_published(client, REPLICATED, 300))
            servers[1].kill()
            await commit_many(admin, "demo", "inv_b", 200)
            await sequence_all(pool)
            await _patiently(lambda: until_published(client, REPLICATED, 500))
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        await _patiently(lambda: assert_whole(client, REPLICATED, admin))
        await client.close()


async def _patiently(ask: Callable[[], Awaitable[None]]) -> None:
    """What is asked while the cluster agrees on new leaders may get no answer."""

    async def answered() -> bool:
        with suppress(BusError, JetStreamError):
            await ask()
            return True
        return False

    await until(answered)
