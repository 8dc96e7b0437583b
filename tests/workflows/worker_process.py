"""A worker process of its own, to be killed: `python -m tests.workflows.worker_process JSON`."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from relay.connection import connect
from relay.inbox import DurableConsumer, DurableFeed, durable_feed
from relay.jetstream import StreamSettings
from services.adapters.object_store import open_object_store
from services.adapters.postgres.pool import open_pool
from services.adapters.print_queue import PrintQueue
from services.adapters.sandbox_gateway import SandboxGateway
from services.execute.executor import Executor
from services.ports import Channel
from services.sagas.configured import configured_activities
from services.sagas.consumer import CONSUMER
from services.sagas.outside import outside_activities
from services.sagas.table import filter_subjects
from services.sagas.worker import serve_worker
from services.statements.post import Post
from services.workflows.code import Code
from services.workflows.settings import WorkflowSettings
from tests.fixtures.rendering import render_in_thread


class WorkerArguments(msgspec.Struct, frozen=True, kw_only=True):
    """Where its servers are, and what it calls its streams and its task queue."""

    postgres_url: str
    nats_url: str
    temporal_address: str
    prefix: str
    objects: str
    ack_seconds: float = 5.0
    hangs_after: tuple[str, ...] = ()
    """The calls of the gateway that are made, and whose answers never come."""


class HangingGateway:
    """The sandbox; of some of its calls nobody hears the answer."""

    def __init__(self, sandbox: SandboxGateway, hangs_after: tuple[str, ...]) -> None:
        self._sandbox = sandbox
        self._hangs_after = hangs_after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._sandbox, name)

        async def hang(*asked: Any) -> None:
            await call(*asked)
            await asyncio.Event().wait()

        return hang if name in self._hangs_after else call


@asynccontextmanager
async def saga_feed(arguments: WorkerArguments) -> AsyncIterator[DurableFeed]:
    """The durable consumer of the sagas."""
    streams = StreamSettings(prefix=arguments.prefix)
    consumer = DurableConsumer(
        stream=streams.events,
        name=CONSUMER,
        filter_subjects=tuple(streams.subject(subject) for subject in filter_subjects()),
        ack_seconds=arguments.ack_seconds,
    )
    client = await connect(arguments.nats_url, name="worker")
    try:
        async with durable_feed(client, consumer) as feed:
            yield feed
    finally:
        await client.close()


async def work(arguments: WorkerArguments, stopping: asyncio.Event) -> None:
    """Run a worker until `stopping`."""
    pool = await open_pool(arguments.postgres_url, "daybook_writer", size_max=6)
    reporter = await open_pool(arguments.postgres_url, "daybook_reporter", size_max=2)
    reader = await open_pool(arguments.postgres_url, "daybook_reader", size_max=2)
    objects = open_object_store(arguments.objects)
    post = Post(objects, dict.fromkeys(Channel, PrintQueue(objects)), lambda *_: "")
    sandbox = SandboxGateway(pool)
    gateway: Any = HangingGateway(sandbox, arguments.hangs_after)
    try:
        async with Executor(pool) as executor, saga_feed(arguments) as feed:
            await serve_worker(
                address=arguments.temporal_address,
                namespace="default",
                executor=executor,
                pool=pool,
                reporter=reporter,
                gateway=gateway,
                deliveries=feed,
                stopping=stopping,
                task_queue=arguments.prefix,
                outside=outside_activities(executor, pool, reader, objects, post, render_in_thread),
                configured=configured_activities(executor, pool, Code(WorkflowSettings()), None),
            )
    finally:
        for each in (pool, reporter, reader):
            await each.close()


@asynccontextmanager
async def working(arguments: WorkerArguments) -> AsyncIterator[None]:
    """A worker within this process."""
    stopping = asyncio.Event()
    task = asyncio.create_task(work(arguments, stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def main() -> None:
    """Work until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await work(msgspec.json.decode(sys.argv[1], type=WorkerArguments), stopping)


if __name__ == "__main__":
    asyncio.run(main())
