"""A Postgres that is given to us and not set up for us is named before it fails under load."""

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.adapters.postgres import server
from services.adapters.postgres.migrate import migrate
from services.adapters.postgres.readiness import missing_of
from services.reach import ServerUnfit
from tests.fixtures.databases import Database


async def test_the_server_that_we_start_is_fit(database: Database) -> None:
    assert await missing_of(await database.pool("daybook_reader"))() == {}


@pytest.mark.parametrize(
    ("limit", "value", "lack"),
    [
        ("LOCKS_MIN", 257, "max_locks_per_transaction is 256, at least 257 is needed"),
        ("MAJOR_VERSION_MIN", 99, "at least 99 is needed"),
    ],
)
async def test_what_a_server_lacks_is_named_by_readiness_and_by_migrate(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, lack: str
) -> None:
    """No test can restart the server with less, so more is asked of it."""
    monkeypatch.setattr(server, limit, value)
    missing = await missing_of(await database.pool("daybook_reader"))()
    assert missing.keys() == {"settings"}
    assert lack in missing["settings"]
    connection = await asyncpg.connect(database.url)
    try:
        with pytest.raises(ServerUnfit, match=lack):
            await migrate(connection)
    finally:
        await connection.close()


async def test_a_server_that_forgets_in_a_crash_is_warned_of(
    database: Database,
) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        with capture_logs() as logs:
            await migrate(connection)  # the tests' own server does not write through
    finally:
        await connection.close()
    warned = {entry["setting"] for entry in logs if entry["log_level"] == "warning"}
    assert warned == {"fsync", "full_page_writes", "synchronous_commit"}
