"""The roles of deploy/postgres: each process can do its work with its own login, and no other's."""

import ast
import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
import pytest

from projections.builds import ensure_live
from projections.projection import REGISTRY
from services.adapters.postgres.migrate import ROLES
from services.adapters.postgres.pool import open_pool
from services.embedded.addresses import Addresses
from services.execute.executor import Executor
from tests.fixtures.command_line import command
from tests.fixtures.deployed_postgres import COMMITTED, LOGINS, drop, login_url, make
from tests.fixtures.write_path import account_id, all_done, envelope, open_account

ROOT = COMMITTED.parent
PROCESSES = ("api", "intake", "relay", "projector", "worker")
BECOMES: dict[str, set[str]] = {
    "daybook_owner": {"daybook_projector"},
    "daybook_serve_api": {"daybook_writer", "daybook_reader", "daybook_reporter"},
    "daybook_serve_intake": {"daybook_writer"},
    "daybook_serve_relay": {"daybook_sequencer"},
    "daybook_serve_projector": {"daybook_projector"},
    "daybook_serve_worker": {"daybook_writer", "daybook_reader", "daybook_reporter"},
    "daybook_operator": {
        "daybook_writer",
        "daybook_reader",
        "daybook_projector",
        "daybook_auditor",
    },
    "daybook_verify": {"daybook_auditor"},
}


@pytest.fixture(scope="module")
def deployed_url(stack: Addresses) -> Iterator[str]:
    """The superuser's address of the database."""
    database = f"deployed_{os.getpid()}"
    try:
        yield asyncio.run(make(stack.postgres_url, database))
    finally:
        asyncio.run(drop(stack.postgres_url, database))


@asynccontextmanager
async def acting(url: str, login: str, role: str, size_max: int = 4) -> AsyncIterator[asyncpg.Pool]:
    """A pool as the process of this login opens it."""
    pool = await open_pool(login_url(url, login), role, size_max=size_max)
    try:
        yield pool
    finally:
        pool.terminate()


def roles_in(source: str) -> set[str]:
    """The roles that code opens pools with."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "pool"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_each_login_may_become_what_its_process_asks_for() -> None:
    wiring = (ROOT / "services" / "wiring.py").read_text()
    functions = {
        node.name: ast.unparse(node)
        for node in ast.walk(ast.parse(wiring))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    for process in PROCESSES:
        assert roles_in(functions[f"serve_{process}"]) == BECOMES[f"daybook_serve_{process}"]
    commands = [*(ROOT / "services" / "cli").glob("*.py")]
    asked = set().union(*(roles_in(path.read_text()) for path in commands))
    asked |= roles_in(functions["writing"]) | roles_in(functions["resuming"])
    assert asked <= BECOMES["daybook_operator"]


@pytest.mark.parametrize("login", sorted(LOGINS))
async def test_a_login_becomes_the_roles_of_its_process_and_no_other(
    deployed_url: str, login: str
) -> None:
    for role in ROLES:
        if role in BECOMES[login]:
            async with acting(deployed_url, login, role) as pool:
                assert await pool.fetchval("SELECT current_user") == role
        else:
            with pytest.raises(asyncpg.PostgresError, match="permission denied to set role"):
                await open_pool(login_url(deployed_url, login), role, size_max=1)


async def test_a_password_may_come_beside_the_address(
    deployed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = urlsplit(login_url(deployed_url, "daybook_verify"))
    monkeypatch.setenv("PGPASSWORD", unquote(url.password or ""))
    bare = url._replace(netloc=f"{url.username}@{url.hostname}:{url.port}")
    pool = await open_pool(urlunsplit(bare), "daybook_auditor", size_max=1)
    assert await pool.fetchval("SELECT session_user") == "daybook_verify"
    pool.terminate()


@pytest.mark.parametrize("login", sorted({*LOGINS} - {"daybook_owner"}))
async def test_a_login_by_itself_may_do_nothing(deployed_url: str, login: str) -> None:
    connection = await asyncpg.connect(login_url(deployed_url, login))
    try:
        for statement in (
            "SELECT FROM daybook.events",
            "SELECT FROM read.projections",
            "CREATE TABLE public.mine (a int)",
            "CREATE SCHEMA mine",
            "CREATE TEMPORARY TABLE mine (a int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_no_login_is_more_than_a_login(deployed_url: str) -> None:
    admin = await asyncpg.connect(deployed_url)
    try:
        found = await admin.fetch(
            "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb"
            " OR rolreplication OR rolbypassrls AS is_more FROM pg_roles WHERE rolname = ANY ($1)",
            list(LOGINS),
        )
        assert {row["rolname"]: (row["rolcanlogin"], row["is_more"]) for row in found} == (
            dict.fromkeys(LOGINS, (True, False))
        )
    finally:
        await admin.close()


async def test_the_processes_work_with_their_own_logins(deployed_url: str) -> None:
    async with (
        acting(deployed_url, "daybook_serve_intake", "daybook_writer") as writer,
        Executor(writer) as executor,
    ):
        assert all_done(await executor.execute_all([envelope(open_account())]))
    async with (
        acting(deployed_url, "daybook_serve_relay", "daybook_sequencer") as relay,
        relay.acquire() as connection,
    ):
        assert await connection.fetchval("SELECT count(*) FROM billing_outbox") == 1
        assert await connection.fetchval(
            "SELECT pg_has_role('daybook_sequencer', 'pg_read_all_stats', 'usage')"
        )
    async with (
        acting(deployed_url, "daybook_serve_api", "daybook_reader") as reader,
        reader.acquire() as connection,
        connection.transaction(),
    ):
        assert await connection.fetchval("SELECT count(*) FROM account_heads") == 0
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        assert await connection.fetchval("SELECT account_id FROM account_heads") == account_id("p1")
    async with (
        acting(deployed_url, "daybook_serve_projector", "daybook_projector") as projector,
        projector.acquire() as connection,
    ):
        for projection in REGISTRY:
            assert (await ensure_live(connection, projection)).stage == "live"
    verified = command(
        *("audit", "verify", "--deep", "--no-stream", "--json"),
        env={
            "DAYBOOK_POSTGRES_URL": login_url(deployed_url, "daybook_verify"),
            "DAYBOOK_NATS_URL": "nats://127.0.0.1:1",
        },
    )
    assert (verified.exit_code, json.loads(verified.stdout)["findings"]) == (0, [])
