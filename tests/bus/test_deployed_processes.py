"""The processes with the logins of deploy/postgres, over the configuration of deploy/nats."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import asyncpg
import pytest

from relay.producer import NotStored
from services.embedded.addresses import Addresses
from services.intake.sample import clinic_day
from services.intake.sending import producer
from services.locate import Servers
from tests.fixtures.deployed_nats import PASSWORDS, Server, single
from tests.fixtures.deployed_postgres import drop, login_url, make
from tests.fixtures.waiting import until
from tests.fixtures.whole_stack import DAYBOOK, STOP_SECONDS_MAX, clean_environment

MESSAGES = 20
_CAUGHT_UP = """
    SELECT h.position >= $1 AND h.position = r.position
        AND h.position = (SELECT min(checkpoint) FROM read.projections WHERE stage = 'live')
    FROM daybook.log_head h, daybook.relay_progress r
"""


@pytest.fixture
def database_url(stack: Addresses) -> Iterator[str]:
    database = f"processes_{os.getpid()}"
    try:
        yield asyncio.run(make(stack.postgres_url, database))
    finally:
        asyncio.run(drop(stack.postgres_url, database))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = single(tmp_path)
    try:
        await server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def serving(name: str, database_url: str, nats_url: str) -> Iterator[None]:
    """The process, which must end in order when it is told to."""
    addresses = {
        "DAYBOOK_POSTGRES_URL": login_url(database_url, f"daybook_serve_{name}"),
        "DAYBOOK_NATS_URL": nats_url,
    }
    process = subprocess.Popen([*DAYBOOK, "serve", name], env=clean_environment() | addresses)
    try:
        yield
        process.terminate()
        assert process.wait(STOP_SECONDS_MAX) == 0
    finally:
        process.kill()
        process.wait()


async def test_messages_become_events_on_the_bus_and_rows_of_read_models(
    database_url: str, server: Server
) -> None:
    ours = server.url("daybook", PASSWORDS["DAYBOOK_NATS_PASSWORD"])
    theirs = server.url("producer-demo", PASSWORDS["DAYBOOK_NATS_DEMO_PASSWORD"])
    servers = Servers(
        postgres_url=database_url,
        nats_url=ours,
        temporal_address=None,
        object_store="file:///nowhere",
        nats_producer_urls={"demo": theirs},
    )
    admin = await asyncpg.connect(database_url)

    async def caught_up() -> bool:
        return bool(await admin.fetchval(_CAUGHT_UP, MESSAGES))

    with (
        serving("relay", database_url, ours),
        serving("intake", database_url, ours),
        serving("projector", database_url, ours),
    ):
        async with producer(servers, "demo") as sending:

            async def sent() -> bool:
                with suppress(NotStored):  # until the relay has made the stream
                    return await sending.send(islice(clinic_day(), MESSAGES)) == MESSAGES
                return False

            await until(sent)
        await until(caught_up)
    assert await admin.fetchval("SELECT count(*) FROM daybook.events") >= MESSAGES
    await admin.close()
