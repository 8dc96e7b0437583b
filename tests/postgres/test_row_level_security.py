"""One tenant sees and writes nothing of another; whatever table is added is held to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.adapters.postgres.migrate import ROLES
from tests.fixtures.databases import Database
from tests.fixtures.filled import fill
from tests.fixtures.relations import Relation, may, relations

# Tables without tenants: the order, leadership and progress of the whole installation.
OF_NO_TENANT = {
    "daybook.leases",
    "daybook.log_head",
    "daybook.merkle_tiles",
    "daybook.relay_progress",
    "daybook.sandbox_gateway",  # stands for an outside system, which knows no tenants of ours
    "daybook.schema_migrations",
    "daybook.signed_checkpoints",  # of the log of all tenants
    "read.projections",
}
RESTRICTED = ("daybook_writer", "daybook_reader", "daybook_reporter")


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    admin = await database.admin()
    await fill(database, admin)
    return admin


async def tenant_tables(admin: asyncpg.Pool) -> list[Relation]:
    found = await relations(admin)
    return [relation for relation in found if relation.kind in "rp" and relation.has_tenants]


@asynccontextmanager
async def acting_as(
    admin: asyncpg.Pool, role: str, tenants: str | None
) -> AsyncIterator[asyncpg.Connection]:
    """A transaction with a role's rights for some tenants, undone afterwards."""
    async with admin.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("SELECT set_config('role', $1, true)", role)
            if tenants is not None:
                await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenants)
            yield connection  # type: ignore[misc]  # a pool's connection is one
        finally:
            await transaction.rollback()


async def test_every_table_with_tenants_is_guarded_and_every_other_is_known(
    admin: asyncpg.Pool,
) -> None:
    found = [relation for relation in await relations(admin) if relation.kind in "rp"]
    unguarded = {table.full for table in found if table.has_tenants and not table.guarded}
    assert unguarded == set()
    assert {table.full for table in found if not table.has_tenants} == OF_NO_TENANT


async def test_every_table_with_tenants_has_a_row_here(admin: asyncpg.Pool) -> None:
    """Otherwise the tests below prove nothing about it: add one to tests/fixtures/filled.py."""
    for table in await tenant_tables(admin):
        count = await admin.fetchval(f"SELECT count(*) FROM {table.full} WHERE tenant = 'demo'")
        assert count > 0, table.full


async def test_a_second_tenant_sees_nothing(admin: asyncpg.Pool) -> None:
    for role in RESTRICTED:
        for table in await tenant_tables(admin):
            if not await may(admin, role, table, "SELECT"):
                continue
            for tenants, seen in (("other", False), ("", False), (None, False), ("demo", True)):
                async with acting_as(admin, role, tenants) as connection:
                    rows = await connection.fetch(f"SELECT * FROM {table.full}")
                assert bool(rows) is seen, (role, table.full, tenants)


async def test_several_tenants_are_seen_as_an_array_and_not_as_a_text(
    admin: asyncpg.Pool,
) -> None:
    for tenants, seen in (("other,demo", 1), ("dem", 0), ("demo2", 0), ("*", 0), ("%", 0)):
        async with acting_as(admin, "daybook_writer", tenants) as connection:
            assert (
                await connection.fetchval("SELECT count(DISTINCT tenant) FROM account_heads")
                == seen
            )


async def test_a_second_tenant_adds_nothing_for_another(admin: asyncpg.Pool) -> None:
    for role in RESTRICTED:
        for table in await tenant_tables(admin):
            if not await may(admin, role, table, "INSERT"):
                continue
            row = await admin.fetchval(f"SELECT to_jsonb(t)::text FROM {table.full} t LIMIT 1")
            async with acting_as(admin, role, "other") as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                    await connection.execute(
                        f"INSERT INTO {table.full} OVERRIDING SYSTEM VALUE SELECT *"
                        f" FROM jsonb_populate_record(NULL::{table.full}, $1::text::jsonb)",
                        row,
                    )


async def test_a_second_tenant_changes_and_removes_nothing(admin: asyncpg.Pool) -> None:
    for role in RESTRICTED:
        for table in await tenant_tables(admin):
            async with acting_as(admin, role, "other") as connection:
                if await may(admin, role, table, "UPDATE"):
                    done = await connection.execute(f"UPDATE {table.full} SET tenant = tenant")
                    assert done == "UPDATE 0", table.full
                if await may(admin, role, table, "DELETE"):
                    assert await connection.execute(f"DELETE FROM {table.full}") == "DELETE 0"


async def test_a_tenant_cannot_give_its_rows_to_another(admin: asyncpg.Pool) -> None:
    for table in await tenant_tables(admin):
        if await may(admin, "daybook_writer", table, "UPDATE"):
            async with acting_as(admin, "daybook_writer", "demo") as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                    await connection.execute(f"UPDATE {table.full} SET tenant = 'other'")


async def test_the_tenants_of_one_transaction_are_not_those_of_the_next(
    database: Database, admin: asyncpg.Pool
) -> None:
    pool = await database.pool("daybook_writer", 1)
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
            assert await connection.fetchval("SELECT count(*) FROM events") > 0
        assert await connection.fetchval("SELECT count(*) FROM events") == 0


async def test_roles_that_see_all_tenants_fail_rather_than_filter(
    database: Database, admin: asyncpg.Pool
) -> None:
    for role, attribute in ROLES.items():
        if attribute != "BYPASSRLS":
            continue
        pool = await database.pool(role, 1)
        assert await pool.fetchval("SHOW row_security") == "off"
        assert await pool.fetchval("SELECT count(*) FROM event_log") == 1
    async with acting_as(admin, "daybook_writer", "demo") as connection:
        await connection.execute("SET LOCAL row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="would be affected by"):
            await connection.execute("SELECT FROM events")


async def test_views_ask_in_the_name_of_who_asks_and_nothing_is_materialised(
    admin: asyncpg.Pool,
) -> None:
    found = await relations(admin)
    views = [view for view in found if view.kind == "v" and view.schema in ("daybook", "read")]
    assert all("security_invoker=true" in view.options for view in views)
    assert [relation.full for relation in found if relation.kind in "mf"] == []


async def test_a_function_that_acts_as_its_owner_names_what_it_looks_in(
    admin: asyncpg.Pool,
) -> None:
    rows = await admin.fetch(
        "SELECT p.proname, coalesce(p.proconfig, '{}') AS config FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname IN ('daybook', 'read') AND p.prosecdef"
    )
    assert {row["proname"] for row in rows} >= {"expire_answers"}
    for row in rows:
        paths = [entry for entry in row["config"] if entry.startswith("search_path=")]
        assert paths, row["proname"]
        assert paths[0].endswith("pg_temp"), row["proname"]


async def test_a_key_between_tables_with_tenants_includes_the_tenant(
    admin: asyncpg.Pool,
) -> None:
    rows = await admin.fetch(
        "SELECT c.conname, c.conrelid::regclass::text AS from_table,"
        "       c.confrelid::regclass::text AS to_table,"
        "       array(SELECT attname::text FROM pg_attribute"
        "              WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey)) AS columns"
        "  FROM pg_constraint c WHERE c.contype = 'f'"
    )
    with_tenants = {table.name for table in await tenant_tables(admin)}
    checked = [row for row in rows if row["to_table"].rpartition(".")[2] in with_tenants]
    assert checked
    for row in checked:
        assert "tenant" in row["columns"], row["conname"]
