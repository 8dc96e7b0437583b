"""The books of a running stack, changed behind its back by somebody who may do everything."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.adapters.postgres.migrate import SEARCH_PATH
from tests.fixtures.command_line import command
from tests.fixtures.whole_stack import WholeStack

FLIP = (
    "UPDATE events SET body = set_byte(body, 20, get_byte(body, 20) # 1)"
    " WHERE (tenant, stream_id, version) ="
    " (SELECT tenant, stream_id, version FROM event_log WHERE position = $1)"
    " RETURNING stream_id"
)


@pytest.fixture
async def superuser(whole_stack: WholeStack) -> AsyncIterator[asyncpg.Connection]:
    """Whom neither triggers nor policies stop."""
    connection = await asyncpg.connect(
        whole_stack.addresses.postgres_url,
        server_settings={"search_path": SEARCH_PATH, "session_replication_role": "replica"},
    )
    yield connection
    await connection.close()


async def test_a_flipped_byte_in_an_event_is_found_and_named(
    whole_stack: WholeStack, superuser: asyncpg.Connection
) -> None:
    body = {"patient_id": "flipped", "name": "Zura", "facility": "north", "currency": "GEL"}
    await whole_stack.query.post("/v1/accounts", body, key="open-flipped")
    position = (await whole_stack.caught_up()).events
    verify = ("audit", "verify", "--json", "--data-dir", str(whole_stack.data_dir))
    stream_id = await superuser.fetchval(FLIP, position)
    try:
        verified = command(*verify)
    finally:
        await superuser.execute(FLIP, position)
    assert verified.exit_code == 1
    report = json.loads(verified.stdout.splitlines()[-1])
    (leaf,) = [found for found in report["findings"] if found["check"] == "leaves"]
    assert (leaf["position"], leaf["stream_id"]) == (position, stream_id)
    assert report["verified_through"] < position
    assert command(*verify).exit_code == 0
