"""The projector on the real stream: as it is published, purged, deleted and made whole again."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg
from prometheus_client import REGISTRY as METRICS

from projections.projection import REGISTRY
from projections.recorded import Recorded
from relay.connection import Client
from relay.jetstream import StreamSettings, delete_stream
from relay.reader import OrderedFeed, ordered_feed
from services.projector.feed import OpenStream
from tests.bus.conftest import Publishing
from tests.fixtures.ledger_history import history
from tests.fixtures.ledger_log import commit_log
from tests.fixtures.projecting import projecting, until_at
from tests.fixtures.read_models import ReadModels
from tests.fixtures.relaying import sequence_all
from tests.fixtures.streams import until_published

LOG = history(61, 240)
END = len(LOG)


def opening(client: Client, streams: StreamSettings) -> OpenStream:
    def open_stream(after: int) -> AbstractAsyncContextManager[OrderedFeed]:
        return ordered_feed(client, streams.events, after=after)

    return open_stream


async def append(admin: asyncpg.Pool, pool: asyncpg.Pool, items: Sequence[Recorded]) -> None:
    async with admin.acquire() as connection:
        await commit_log(connection, items)
    assert await sequence_all(pool) == items[-1].position


def gaps() -> float:
    return sum(
        METRICS.get_sample_value(
            "daybook_projection_gaps_filled_total", {"projection": projection.name}
        )
        or 0
        for projection in REGISTRY
    )


async def assert_as_in_order(read_models: ReadModels) -> None:
    for projection in REGISTRY:
        live = await read_models.live(projection)
        build = await read_models.beside(projection)
        async with read_models.follower(projection, build) as follower:
            await follower.catch_up(END)
        assert await read_models.contents(live) == await read_models.contents(build)


async def test_what_is_published_is_projected_without_reading_postgres(
    read_models: ReadModels,
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    before = gaps()
    async with publishing(), projecting(read_models, open_stream=opening(client, streams)):
        for start in range(0, END, 60):
            await append(admin, pool, LOG[start : start + 60])
            await until_at(read_models, min(start + 60, END))
    assert gaps() == before
    await assert_as_in_order(read_models)


async def test_a_stream_that_is_deleted_and_made_whole_again_is_gone_on_with(
    read_models: ReadModels,
    client: Client,
    streams: StreamSettings,
    admin: asyncpg.Pool,
    pool: asyncpg.Pool,
    publishing: Publishing,
) -> None:
    await append(admin, pool, LOG[:100])
    async with projecting(read_models, open_stream=opening(client, streams)):
        async with publishing():
            await until_at(read_models, 100)
        await delete_stream(client, streams.events)
        await append(admin, pool, LOG[100:150])
        await until_at(read_models, 150)  # from Postgres: there is no stream
        await append(admin, pool, LOG[150:])
        async with publishing():
            await until_published(client, streams, END)
            await until_at(read_models, END)
    await assert_as_in_order(read_models)
