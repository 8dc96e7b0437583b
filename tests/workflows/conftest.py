"""A clinic with its worker, on a server that can skip time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from relay.connection import connect
from relay.jetstream import StreamSettings
from relay.tree import ensure_log
from services.adapters.sandbox_gateway import SandboxGateway
from services.embedded.addresses import Addresses
from services.execute.executor import Executor
from services.relay_process import serve_relay
from services.sagas.codec import PayloadKeys, SealedPayloads
from services.sagas.configured import configured_activities
from services.sagas.converter import sealed_by
from services.sagas.search_attributes import ensure_search_attributes
from services.sagas.worker import (
    make_bills_worker,
    make_gateway_worker,
    make_worker,
    workflows_workers,
)
from services.workflows.code import Code
from tests.fixtures.config_projects import ConfigProject
from tests.fixtures.databases import Database
from tests.workflows.billed import Billed, SkippedClock
from tests.workflows.clinic import Clinic, ServedClinic, new_tenant, serve
from tests.workflows.configured import Configured
from tests.workflows.stating import sending
from tests.workflows.till import Silent, Till, open_till
from tests.workflows.worker_process import WorkerArguments


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[Clinic]:
    """A clinic without Temporal, to run activities by hand."""
    pool = await database.pool("daybook_writer", 8)
    async with Executor(pool) as executor:
        yield Clinic(
            tenant=new_tenant(),
            executor=executor,
            pool=pool,
            admin=await database.admin(),
        )


@pytest.fixture
async def sealed(database: Database) -> DataConverter:
    """Payloads are sealed as in earnest."""
    return sealed_by(SealedPayloads(PayloadKeys(await database.pool("daybook_writer", 2))))


@pytest.fixture
async def skipping(
    temporal_test_server: str, sealed: DataConverter
) -> AsyncIterator[WorkflowEnvironment]:
    """A server of the test's own whose time can be skipped."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=temporal_test_server, data_converter=sealed
    ) as environment:
        yield environment


@pytest.fixture
def idle_clinic(skipping: WorkflowEnvironment, clinic: Clinic) -> ServedClinic:
    """A clinic whose server has no worker: what is started only waits."""
    return serve(clinic, skipping.client)


@pytest.fixture
async def busy_clinic(idle_clinic: ServedClinic, database: Database) -> AsyncIterator[ServedClinic]:
    """A clinic with a worker; two codes have prices.

    It collects as well: an activity that nobody serves is tried again for all the time skipped.
    """
    clinic = idle_clinic
    await clinic.publish(A=10_000, B=2_500)
    sends = await sending(clinic, database, {})
    async with make_worker(clinic.client, clinic.executor, clinic.pool, outside=sends.activities):
        yield clinic


@pytest.fixture
async def arguments(
    database: Database, stack: Addresses, clinic: Clinic
) -> AsyncIterator[WorkerArguments]:
    """What a worker is told; the relay runs over a stream of the test's own."""
    prefix = clinic.tenant
    pool = await database.pool("daybook_sequencer", 6)
    client = await connect(stack.nats_url, name="relay")
    async with clinic.admin.acquire() as connection:
        await ensure_log(connection)
    stopping = asyncio.Event()
    relay = asyncio.create_task(
        serve_relay(
            pool,
            client,
            StreamSettings(prefix=prefix),
            owner="test",
            lease_seconds=5,
            stopping=stopping,
        )
    )
    await clinic.publish(A=10_000, B=2_500)
    yield WorkerArguments(
        postgres_url=database.url,
        nats_url=stack.nats_url,
        temporal_address="",
        prefix=prefix,
        objects=database.objects.as_uri(),
    )
    stopping.set()
    await relay
    await client.close()


@pytest.fixture
async def till(idle_clinic: ServedClinic) -> Till:
    """A till on a server without a worker."""
    return await open_till(idle_clinic)


@pytest.fixture
async def silent(clinic: Clinic) -> Silent:
    """A gateway that answers; a test may have it say nothing for some calls."""
    return Silent(SandboxGateway(clinic.pool), 0)


@pytest.fixture
async def busy_till(
    idle_clinic: ServedClinic, till: Till, silent: Silent
) -> AsyncIterator[ServedClinic]:
    """A clinic whose worker asks the gateway."""
    clinic = idle_clinic
    gateway: Any = silent
    async with (
        make_worker(clinic.client, clinic.executor, clinic.pool),
        make_gateway_worker(clinic.client, clinic.executor, clinic.pool, gateway),
    ):
        yield clinic


@pytest.fixture
async def billed(skipping: WorkflowEnvironment, database: Database) -> AsyncIterator[Billed]:
    """A tenant whose bills have a worker, and a gateway."""
    await ensure_search_attributes(skipping.client)
    pool, clock = await database.pool("daybook_writer", 10), SkippedClock()
    async with Executor(pool, now=clock.now) as executor:
        clinic = serve(
            Clinic(new_tenant(), executor, pool, await database.admin()), skipping.client
        )
        sends = await sending(clinic, database, {})
        async with (
            make_worker(clinic.client, executor, pool, outside=sends.activities),
            make_gateway_worker(clinic.client, executor, pool, SandboxGateway(pool)),
            make_bills_worker(clinic.client, executor, pool),
        ):
            yield Billed(clinic, clock, skipping)


@pytest.fixture
async def configured(idle_clinic: ServedClinic, tmp_path: Path) -> AsyncIterator[Configured]:
    """A tenant with a config project, whose runs have a worker; two codes have prices."""
    clinic, project = idle_clinic, ConfigProject(tmp_path)
    await clinic.publish(A=10_000, B=2_500)
    configured = Configured(clinic, project)
    activities = configured_activities(
        clinic.executor, clinic.pool, Code(project.settings), configured.fhir
    )
    async with workflows_workers(clinic.client, activities):
        yield configured
