"""The settings of deploy/postgres: the server knows them all, and they are what Daybook needs."""

import re

import asyncpg
import pytest

from services.adapters.postgres.server import LOCKS_MIN
from services.embedded.addresses import Addresses
from services.embedded.postgres import DURABLE, SETTINGS
from tests.fixtures.databases import with_database
from tests.fixtures.deployed_postgres import COMMITTED, psql

_LINE = re.compile(r"(?P<name>\w+) = (?P<value>'[^']*'|[\w.]+)(?: +#.*)?")
# A machine of its own is larger than the one that everything shares.
SIZED = {"listen_addresses", "shared_buffers", "max_wal_size", "log_line_prefix"}


def settings() -> dict[str, str]:
    """What the committed file sets; every line that is no comment must be read."""
    lines = (COMMITTED / "postgres" / "postgresql.conf").read_text().splitlines()
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            assert match, line
            found[match["name"]] = match["value"].strip("'")
    return found


async def test_the_server_takes_every_setting(stack: Addresses) -> None:
    connection = await asyncpg.connect(stack.postgres_url)
    try:
        for name, value in settings().items():
            # Checked as the file would be and written beside it; nothing reads it without a reload.
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            await connection.execute(f"ALTER SYSTEM RESET {name}")
    finally:
        await connection.close()


async def test_a_setting_that_the_server_does_not_take_would_be_found(stack: Addresses) -> None:
    connection = await asyncpg.connect(stack.postgres_url)
    try:
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("ALTER SYSTEM SET max_wal_size = '4 gigabytes'")
    finally:
        await connection.close()


def test_what_holds_for_the_embedded_server_holds_here() -> None:
    found = settings()
    assert int(found["max_locks_per_transaction"]) >= LOCKS_MIN
    expected = {**SETTINGS, **DURABLE}
    assert {name: found.get(name) for name in expected if name not in SIZED} == {
        name: value for name, value in expected.items() if name not in SIZED
    }


async def test_temporals_databases_are_its_own(stack: Addresses) -> None:
    names = ("temporal", "temporal_visibility")
    server = await asyncpg.connect(stack.postgres_url)
    try:
        for _ in range(2):
            psql(stack.postgres_url, "temporal/databases.sql")
        url = with_database(stack.postgres_url, names[1]).split("@")[1]
        temporal = await asyncpg.connect(f"postgresql://temporal:of-temporal@{url}")
        assert (
            await temporal.fetchval(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
            )
            == "temporal"
        )
        await temporal.close()
    finally:
        for name in names:
            await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute("DROP ROLE IF EXISTS temporal")
        await server.close()
