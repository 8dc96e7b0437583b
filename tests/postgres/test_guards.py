"""What Postgres refuses by itself, whoever asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.adapters.postgres.migrate import ROLES
from tests.fixtures.databases import Database
from tests.fixtures.filled import fill

APPEND_ONLY = ("events", "ledger_entries", "event_log", "merkle_tiles")
CHANGES = {
    "events": "UPDATE events SET body = body",
    "ledger_entries": "UPDATE ledger_entries SET amount_minor = amount_minor",
    "event_log": "UPDATE event_log SET leaf = leaf",
    "merkle_tiles": "UPDATE merkle_tiles SET root = root",
}
REMOVALS = {table: f"DELETE FROM {table}" for table in APPEND_ONLY}
TRUNCATIONS = {table: f"TRUNCATE {table} CASCADE" for table in APPEND_ONLY}
STATEMENTS = (*CHANGES.values(), *REMOVALS.values(), *TRUNCATIONS.values())


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    admin = await database.admin()
    await fill(database, admin)
    return admin


@asynccontextmanager
async def acting_as(admin: asyncpg.Pool, role: str) -> AsyncIterator[asyncpg.Connection]:
    """A session with a role's rights, that sees the tenant."""
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('role', $1, true)", role)
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        yield connection  # type: ignore[misc]  # a pool's connection is one


async def test_not_even_the_owner_changes_what_is_in_the_books(admin: asyncpg.Pool) -> None:
    for statement in (
        *STATEMENTS,
        "DELETE FROM events WHERE tenant = 'nobody'",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (tenant, stream_id, version)"
        " DO UPDATE SET body = '{}'",
        "MERGE INTO events e USING (VALUES (1)) AS v ON true WHEN MATCHED THEN DELETE",
        "COPY (DELETE FROM events RETURNING 1) TO STDOUT",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await admin.execute(statement)


async def test_no_service_changes_what_is_in_the_books(admin: asyncpg.Pool) -> None:
    for role in ROLES:
        for statement in STATEMENTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with acting_as(admin, role) as connection:
                    await connection.execute(statement)


async def test_entries_that_do_not_sum_to_zero_are_refused(admin: asyncpg.Pool) -> None:
    before = await admin.fetchval("SELECT count(*) FROM ledger_entries")
    for rows in (
        "('t-1', 1, 5, 'USD')",
        "('t-1', 1, 5, 'USD'), ('t-1', 2, -4, 'USD')",
        "('t-1', 1, 5, 'USD'), ('t-1', 2, -5, 'EUR')",
        "('t-1', 1, 5, 'USD'), ('t-2', 1, -5, 'USD')",
        "('t-1', 1, 5, 'USD'), ('t-1', 2, -5, 'USD'), ('t-2', 1, 1, 'USD')",
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero") as refused:
            await admin.execute(ENTRIES + rows + VALUES_END)
        assert refused.value.constraint_name == "ledger_entries_balance"
    assert await admin.fetchval("SELECT count(*) FROM ledger_entries") == before


async def test_entries_of_several_currencies_that_each_sum_to_zero_are_taken(
    admin: asyncpg.Pool,
) -> None:
    rows = (
        "('t-1', 1, 5, 'USD'), ('t-1', 2, -5, 'USD'), ('t-1', 3, 7, 'EUR'), ('t-1', 4, -7, 'EUR')"
    )
    await admin.execute(ENTRIES + rows + VALUES_END)


async def test_sums_beyond_a_column_are_still_told_from_zero(admin: asyncpg.Pool) -> None:
    most = 2**63 - 1
    rows = f"('t-1', 1, {most}, 'USD'), ('t-1', 2, {most}, 'USD'), ('t-1', 3, 2, 'USD')"
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(ENTRIES + rows + VALUES_END)


ENTRIES = (
    "INSERT INTO ledger_entries SELECT 'demo', transaction_id, line, '1100', 'acc_1', 'north',"
    " amount, currency, '2026-01-02', '2026-01-02', now() FROM (VALUES "
)
VALUES_END = ") AS v (transaction_id, line, amount, currency)"


IMPOSSIBLE = [
    ("INSERT INTO claims VALUES ('demo', 'x', 'y', 'acc_none')", "claims_are_held_by_a_stream"),
    (
        "INSERT INTO prices SELECT 'other', facility, code, currency, effective, 1,"
        " price_list_id FROM prices",
        "prices_are_of_a_list",
    ),
    (
        "INSERT INTO prices SELECT tenant, facility, code, currency, '[2030-01-01,)', 1,"
        " price_list_id FROM prices",
        "prices_do_not_overlap",
    ),
    (
        "INSERT INTO tenant_settings (tenant, time_zone) VALUES ('x', 'Asia/Kabool')",
        "tenant_settings_have_a_time_zone",
    ),
    (
        "INSERT INTO facility_settings VALUES ('x', 'north', 'utc')",
        "facility_settings_have_a_time_zone",
    ),
    (
        "INSERT INTO events SELECT tenant, stream_id, 99, type, partition_key, recorded_at,"
        " convert_to(repeat('x', 524289), 'UTF8'), metadata FROM events LIMIT 1",
        "events_fit_a_message",
    ),
    (
        "INSERT INTO events SELECT tenant, stream_id, 0, type, partition_key, recorded_at,"
        " body, metadata FROM events LIMIT 1",
        "events_count_versions_from_one",
    ),
    (
        "INSERT INTO billing_outbox (tenant, event_ids) VALUES ('demo', '{}')",
        "outbox_rows_have_events",
    ),
    (
        "UPDATE billing_idempotency SET refusal = '{}'",
        "billing_idempotency_has_a_result_a_refusal_or_items",
    ),
]


async def test_a_row_that_cannot_be_true_is_refused_by_name(admin: asyncpg.Pool) -> None:
    for statement, constraint in IMPOSSIBLE:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            await admin.execute(statement)
        assert refused.value.constraint_name == constraint
