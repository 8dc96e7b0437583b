"""Intake: from messages that wait on the bus to the commit of the last one."""

import asyncio
import time

import asyncpg

from relay.connection import Client
from relay.inbox import DurableConsumer, durable_feed
from relay.jetstream import StreamSettings
from relay.producer import send
from services.bench.workload import TENANT, charge_events
from services.execute.executor import Executor
from services.intake.consuming import Intake
from services.intake.sending import outgoing
from services.intake.taking import Taking
from services.tenant_view import tenant_view

_POLL_SECONDS = 0.02


async def intake(
    pool: asyncpg.Pool,
    executor: Executor,
    client: Client,
    settings: StreamSettings,
    *,
    first: int,
    count: int,
) -> float:
    """Charges per second from the bus to committed; the messages are on the stream beforehand."""
    events = charge_events(first, count)
    await send(client, (outgoing(TENANT, event, settings) for event in events))
    taking = Taking(
        executor, pool, stream=settings.intake, prefix_tokens=int(bool(settings.prefix))
    )
    consumer = DurableConsumer(stream=settings.intake, name="bench")
    before = await _outbox(pool)
    stopping = asyncio.Event()
    async with durable_feed(client, consumer) as feed:
        begun = time.perf_counter()
        working = asyncio.create_task(Intake(taking, feed).run(stopping))
        while await _outbox(pool) < before + count and not working.done():  # noqa: ASYNC110 # the table is the only sign
            await asyncio.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - begun
        stopping.set()
        await working
    return count / seconds


async def _outbox(pool: asyncpg.Pool) -> int:
    """Commands so far: nothing sequences while the intake is measured alone."""
    async with tenant_view(pool, TENANT) as connection:
        last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM billing_outbox")
    return int(last)
