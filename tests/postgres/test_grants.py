"""Who may do what: each role what its process does, and everybody else nothing."""

import asyncpg
import pytest

from services.adapters.postgres.migrate import ROLES
from tests.fixtures.databases import Database
from tests.fixtures.relations import may, relations


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    return await database.admin()


async def test_the_service_roles_own_nothing_and_are_no_logins(admin: asyncpg.Pool) -> None:
    owned = [table.full for table in await relations(admin) if table.owner in ROLES]
    assert owned == []
    roles = await admin.fetch(
        "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = ANY ($1)",
        list(ROLES),
    )
    assert {row["rolname"] for row in roles} == set(ROLES)
    assert not any(value for row in roles for value in list(row)[1:])


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


async def rights(admin: asyncpg.Pool, role: str) -> set[tuple[str, str]]:
    """What a role may do in the schema `daybook`, table by table."""
    found = set()
    for table in await relations(admin):
        for right in RIGHTS if table.schema == "daybook" else ():
            if await may(admin, role, table, right):
                found.add((table.name, right))
    return found


async def test_readers_and_auditors_only_read(admin: asyncpg.Pool) -> None:
    for role in ("daybook_reader", "daybook_auditor"):
        assert {right for _, right in await rights(admin, role)} == {"SELECT"}


async def test_nobody_may_truncate_or_refer_or_hang_a_trigger_on_a_table(
    admin: asyncpg.Pool,
) -> None:
    for role in ROLES:
        found = {right for _, right in await rights(admin, role)}
        assert found <= {"SELECT", "INSERT", "UPDATE", "DELETE"}, role


async def test_only_the_write_path_writes_events_and_only_the_sequencer_orders_them(
    admin: asyncpg.Pool,
) -> None:
    writers = {
        "events": {"daybook_writer"},
        "ledger_entries": {"daybook_writer"},
        "stream_heads": {"daybook_writer"},
        "account_heads": {"daybook_writer"},
        "claims": {"daybook_writer"},
        "counters": {"daybook_writer"},
        "billing_idempotency": {"daybook_writer"},
        "event_log": {"daybook_sequencer"},
        "merkle_tiles": {"daybook_sequencer"},
    }
    held = {role: await rights(admin, role) for role in ROLES}
    for table, allowed in writers.items():
        found = {role for role in ROLES if (table, "INSERT") in held[role]}
        assert found == allowed, table


async def test_only_who_seals_and_opens_reads_keys(admin: asyncpg.Pool) -> None:
    found = {role for role in ROLES if ("subject_keys", "SELECT") in await rights(admin, role)}
    assert found == {"daybook_writer", "daybook_reader"}


async def test_everybody_else_may_do_nothing(admin: asyncpg.Pool) -> None:
    rows = await admin.fetch(
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants"
        " WHERE table_schema IN ('daybook', 'read')"
    )
    owner = await admin.fetchval("SELECT current_user")
    assert {row["grantee"] for row in rows} <= {*ROLES, owner}
    usage = await admin.fetchval("SELECT has_schema_privilege('public', 'daybook', 'USAGE')")
    assert usage is False
