"""The composition root: pools, connections and the processes made of them.

Each process imports what it alone needs inside its own function, so that none carries the others'
libraries in its memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import asyncpg
import structlog

from relay.connection import Client
from relay.jetstream import StreamSettings
from services.adapters.choice import Ports
from services.adapters.postgres.migrate import migrate
from services.adapters.postgres.pool import open_pool
from services.code_checks import CodeChecks
from services.documents.paper import Paper
from services.documents.rendering import Render
from services.execute.executor import Executor
from services.locate import NothingRunning, Servers, locate
from services.ports import Channel, ObjectStore
from services.reach import reach_bus, reaching_postgres, temporal_away
from services.settings import Settings
from services.statements.post import Post
from services.together import together
from services.workflows.settings import WorkflowSettings

if TYPE_CHECKING:
    from services.fhir.consumer import FhirConsumer

if TYPE_CHECKING:
    pass

__all__ = ["Wiring", "Writing", "migrate", "open_pool", "writing"]

INTAKE_CONSUMER: Final = "intake"
SAGAS_CONSUMER: Final = "sagas"
_log = structlog.get_logger()


class Wiring:
    """What a process is made of; everything it opens is closed when the process ends."""

    def __init__(
        self, settings: Settings, servers: Servers, owner: str, undo: AsyncExitStack
    ) -> None:
        self.settings = settings
        self.servers = servers
        self.owner = owner
        self.streams = StreamSettings(prefix=settings.prefix, replicas=settings.stream_replicas)
        self.ports = Ports(settings, undo)
        self.is_opening = False
        """A connection is being made: nothing would be lost if that ended now."""
        self._undo = undo

    async def pool(self, role: str, size_max: int | None = None) -> asyncpg.Pool:
        """A pool that acts as one of the service roles; raises Unreachable."""
        url = self.servers.postgres_url
        with self._opening(), reaching_postgres(url):
            pool = await open_pool(url, role, size_max=size_max or self.settings.pool_size_max)
        self._undo.push_async_callback(_close, pool)
        return pool

    async def bus(self, name: str, *, seconds_max: float | None = None) -> Client:
        """A connection to NATS; raises Unreachable when there is none in time, None waits."""
        with self._opening():
            client = await reach_bus(self.servers.nats_url, name=name, seconds_max=seconds_max)
        self._undo.push_async_callback(client.close)
        return client

    async def executor(self, pool: asyncpg.Pool) -> Executor:
        """The write path over a pool of role daybook_writer."""
        examine = CodeChecks(self.ports.code_validators(pool))
        executor = Executor(pool, lanes=self.settings.lanes, examine=examine)
        return await self._undo.enter_async_context(executor)

    def temporal_address(self) -> str:
        """Where Temporal is; raises NothingRunning."""
        if self.servers.temporal_address is None:
            raise NothingRunning("no Temporal: set DAYBOOK_TEMPORAL_ADDRESS, or run `daybook up`")
        return self.servers.temporal_address

    def renderer(self) -> "Renderer":
        """Who sets papers."""
        held = make_renderer()
        self._undo.push_async_callback(held.close)
        return held

    def object_store(self) -> ObjectStore:
        """Where files are kept; raises ObjectStoreUnusable."""
        return object_store(self.servers.object_store)

    @contextmanager
    def _opening(self) -> Iterator[None]:
        self.is_opening = True
        try:
            yield
        finally:
            self.is_opening = False


def object_store(url: str) -> ObjectStore:
    """The store at a URL of services.objects.store_url; raises ObjectStoreUnusable."""
    from services.adapters.object_store import open_object_store

    return open_object_store(url)


async def _close(pool: asyncpg.Pool) -> None:
    """Give connections back in order; one that hangs must not keep the process alive."""
    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()


class Writing(NamedTuple):
    """The write path for a command of the command line."""

    pool: asyncpg.Pool
    executor: Executor


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Writing]:
    """The write path of the running stack; raises NothingRunning."""
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_writer", 4)
        yield Writing(pool, await wired.executor(pool))


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A reader's pool of the running stack; raises NothingRunning."""
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        yield await wired.pool("daybook_reader", 2)


class Exports(NamedTuple):
    """What a command of the command line needs to export the ledger; see `Writing`."""

    pool: asyncpg.Pool
    executor: Executor
    objects: ObjectStore


@asynccontextmanager
async def exports(settings: Settings) -> AsyncIterator[Exports]:
    """The write path and the object store of the running stack; raises NothingRunning."""
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_writer", 2)
        yield Exports(pool, await wired.executor(pool), wired.object_store())


@asynccontextmanager
async def fhir_gateway(settings: Settings) -> AsyncIterator["FhirConsumer"]:
    """What keeps the FHIR server up with the log, of the running stack; raises NothingRunning."""
    from services.fhir.consumer import FhirConsumer

    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_writer", 2)
        yield FhirConsumer(wired.ports.fhir_gateway(pool), pool)


class Resuming(NamedTuple):
    """What a command of the command line needs to have a saga try again."""

    pool: asyncpg.Pool
    resume_remittance: Callable[[str, str], Awaitable[None]]
    """Takes the tenant and the remittance's id."""


@asynccontextmanager
async def resuming(settings: Settings) -> AsyncIterator[Resuming]:
    """The sagas of the running stack; raises NothingRunning and Unreachable."""
    from services.sagas.starting import Starting
    from services.sagas.table import REMITTANCE_POSTING
    from services.sagas.worker import reaching_temporal

    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_writer", 2)
        address = wired.temporal_address()

        async def resume_remittance(tenant: str, remittance_id: str) -> None:
            async with reaching_temporal(address, settings.temporal_namespace, pool) as client:
                await Starting(client, pool).resume(REMITTANCE_POSTING, tenant, remittance_id)

        yield Resuming(pool, resume_remittance)


def workflow_settings(settings: Settings) -> WorkflowSettings:
    """Where configured workflows are; raises CannotRun."""
    return WorkflowSettings.from_environment(settings.data_dir)


class Renderer(Protocol):
    """Sets papers as PDF."""

    async def render(self, paper: Paper) -> bytes:
        """The PDF of a paper; raises RendererBusy."""

    async def close(self) -> None:
        """Let go of what it holds."""


def make_renderer() -> Renderer:
    """A renderer of documents; whoever makes it closes it."""
    from services.adapters.typesetting import Typesetters

    return Typesetters()


class Printing(NamedTuple):
    """What the command line prints with: a reader's pool, and the renderer."""

    pool: asyncpg.Pool
    render: Render


@asynccontextmanager
async def printing(settings: Settings) -> AsyncIterator[Printing]:
    """Documents of the running stack; raises NothingRunning."""
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "cli", undo)
        pool = await wired.pool("daybook_reader", 2)
        yield Printing(pool, wired.renderer().render)


def make_post(wired: Wiring, objects: ObjectStore) -> Post:
    """Who keeps and delivers documents."""
    from services.links import Link, link_keys, link_url

    keys = link_keys(wired.settings)

    def make_link(tenant: str, document: str, until: datetime) -> str:
        return link_url(wired.settings, keys, Link(tenant, document, until))

    deliveries = {channel: wired.ports.delivery(channel, objects) for channel in Channel}
    return Post(objects, deliveries, make_link)


async def serve_intake(wired: Wiring, stopping: asyncio.Event) -> None:
    """Take what producers send until `stopping`."""
    from relay.inbox import DurableConsumer, durable_feed
    from services.intake.consuming import Intake
    from services.intake.taking import Taking

    pool = await wired.pool("daybook_writer")
    executor = await wired.executor(pool)
    client = await wired.bus("intake")
    consumer = DurableConsumer(stream=wired.streams.intake, name=INTAKE_CONSUMER)
    taking = Taking(
        executor,
        pool,
        stream=wired.streams.intake,
        prefix_tokens=1 if wired.settings.prefix else 0,
        licences=wired.ports.licences(),
    )
    async with durable_feed(client, consumer) as feed:
        await Intake(taking, feed).run(stopping)


async def serve_relay(wired: Wiring, stopping: asyncio.Event) -> None:
    """Sequence, publish and sign while the leases are ours, until `stopping`."""
    from services.relay_process import make_signing
    from services.relay_process import serve_relay as serve

    pool = await wired.pool("daybook_sequencer", 8)
    client = await wired.bus("relay")
    await serve(
        pool,
        client,
        wired.streams,
        owner=wired.owner,
        lease_seconds=wired.settings.lease_seconds,
        stopping=stopping,
        signing=make_signing(
            wired.settings,
            client,
            wired.streams,
            wired.object_store(),
            wired.ports.checkpoint_posts(),
        ),
    )


async def serve_projector(wired: Wiring, stopping: asyncio.Event) -> None:
    """Keep the read models up with the log until `stopping`."""
    from relay.reader import ordered_feed
    from services.projector.serve import serve_projector as serve

    pool = await wired.pool("daybook_projector", 12)
    client = await wired.bus("projector")
    await serve(
        pool,
        lambda after: ordered_feed(client, wired.streams.events, after=after),
        owner=wired.owner,
        lease_seconds=wired.settings.lease_seconds,
        stopping=stopping,
    )


async def serve_worker(wired: Wiring, stopping: asyncio.Event) -> None:
    """Start, wake and work on sagas until `stopping`; raises NothingRunning without Temporal."""
    from relay.inbox import DurableConsumer, durable_feed
    from services.fhir import consumer as fhir
    from services.sagas.configured import configured_activities
    from services.sagas.consumer import WAIT_SECONDS
    from services.sagas.outside import outside_activities
    from services.sagas.table import filter_subjects
    from services.sagas.worker import serve_worker as serve
    from services.workflows.code import Code

    address = wired.temporal_address()
    code = Code(workflow_settings(wired.settings))
    pool, fhir_pool = await wired.pool("daybook_writer"), await wired.pool("daybook_writer", 2)
    consumer_of_fhir = fhir.FhirConsumer(wired.ports.fhir_gateway(fhir_pool), fhir_pool)
    executor = await wired.executor(pool)
    reader = await wired.pool("daybook_reader", 6)
    objects = wired.object_store()
    post, render = make_post(wired, objects), wired.renderer().render
    client = await wired.bus("worker")
    consumer = DurableConsumer(
        stream=wired.streams.events,
        name=SAGAS_CONSUMER,
        filter_subjects=tuple(map(wired.streams.subject, filter_subjects())),
    )
    showing = DurableConsumer(
        stream=wired.streams.events,
        name=fhir.CONSUMER,
        filter_subjects=tuple(map(wired.streams.subject, fhir.filter_subjects())),
    )
    async with (
        durable_feed(client, consumer, wait_seconds=WAIT_SECONDS) as feed,
        durable_feed(
            client, showing, batch_max=fhir.BATCH_MAX, wait_seconds=fhir.WAIT_SECONDS
        ) as shown,
    ):
        sagas = serve(
            address=address,
            namespace=wired.settings.temporal_namespace,
            executor=executor,
            pool=pool,
            reporter=await wired.pool("daybook_reporter", 2),
            gateway=wired.ports.payment_gateway(pool),
            deliveries=feed,
            stopping=stopping,
            outside=outside_activities(executor, pool, reader, objects, post, render),
            configured=configured_activities(executor, pool, code, wired.ports.fhir_of(pool)),
        )
        # Apart from each other: a FHIR server or a Temporal that is away holds up nothing else.
        await together(sagas, consumer_of_fhir.run(shown, stopping))


async def serve_api(wired: Wiring, stopping: asyncio.Event) -> None:
    """Answer HTTP until `stopping`."""
    from prometheus_client import REGISTRY

    from services.access.configured import authentication
    from services.adapters.postgres.readiness import missing_of
    from services.api.dependencies import Dependencies, all_missing
    from services.api.server import serve_api as serve
    from services.links import link_keys

    settings = wired.settings
    callers = authentication(settings)
    writer = await wired.pool("daybook_writer")
    reader = await wired.pool("daybook_reader")
    renderer = wired.renderer()
    dependencies = Dependencies(
        executor=await wired.executor(writer),
        writer=writer,
        reader=reader,
        objects=wired.object_store(),
        authenticate=callers.authenticate,
        missing=all_missing(callers.missing, missing_of(reader)),
        reporter=await wired.pool("daybook_reporter", 2),
        registry=REGISTRY,
        gateway=wired.ports.payment_gateway(writer),
        render=renderer.render,
        temporal_away=lambda: temporal_away(wired.servers.temporal_address),
        licences=wired.ports.licences(),
        workflows=workflow_settings(settings),
        link_keys=link_keys(settings),
    )
    await serve(dependencies, settings.api_host, settings.api_port, stopping)
