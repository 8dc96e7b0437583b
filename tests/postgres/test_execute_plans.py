"""How Postgres works off a batch: by index, row for row, before it has any statistics, too."""

from collections.abc import Mapping

import asyncpg
import pytest

from contracts.columns import columns
from services.execute.statements import sql
from tests.fixtures.databases import Database
from tests.fixtures.plans import nodes, plan_of, prepare

# What each statement is asked for, as columns of text; nothing of it is there.
ASKED: Mapping[str, str] = {
    "recall_inbox.sql": "tttt",
    "recall_answers.sql": "tttt",
    "find_accounts.sql": "tt",
    "lock_accounts.sql": "tt",
    "lock_accounts_waiting.sql": "tt",
    "find_busy.sql": "tt",
    "load_heads.sql": "tt",
    "load_items.sql": "ttt",
    "load_named_items.sql": "tttt",
    "load_prices.sql": "tttt",
    "delete_items.sql": "tttt",
}
FILLING = (
    "INSERT INTO stream_heads SELECT 'demo', 'chg_' || n, 1, NULL, '{}'",
    "INSERT INTO account_heads SELECT 'demo', 'acc_' || n, 1, 'f', 'USD', 'open', 0, 0",
    "INSERT INTO open_items SELECT 'demo', 'acc_' || n / 100, 'charge', 'chg_' || n, 1",
    "INSERT INTO billing_inbox SELECT 'demo', 'i', 's', 'm-' || n, '', 'chg_1', 1, NULL, now()",
    "INSERT INTO billing_idempotency SELECT 'demo', 'POST', '/', 'k-' || n, '', 'chg_1', 1, NULL,"
    " NULL, now()",
    "INSERT INTO prices SELECT 'demo', '*', 'code-' || n, 'USD', '[2026-01-01,)', 1, 'chg_1'",
)
SCANS = {"Index Scan", "Index Only Scan", "Tid Scan", "Function Scan"}


# Planned anew for each batch, by what there is then.
NOT_KEPT = {"delete_items.sql"}


async def filled(database: Database, rows: int) -> asyncpg.Pool:
    admin = await database.admin()
    for statement in FILLING:
        await admin.execute(f"{statement} FROM generate_series(1, $1) AS n", rows)
    if rows == 1:
        await admin.execute("ANALYZE")
    return await database.pool("daybook_writer", 1)


# As in the first minute of a new installation, full tables that nobody has analysed; and as in its
# first second, when a plan is made that is kept.
@pytest.mark.parametrize(
    ("name", "rows"),
    [*((name, 5000) for name in ASKED), *((name, 1) for name in ASKED if name not in NOT_KEPT)],
)
async def test_a_batch_is_looked_up_row_for_row_by_the_whole_key(
    database: Database, name: str, rows: int
) -> None:
    writer = await filled(database, rows)
    kinds = ASKED[name]
    asked = [tuple(f"{row}-{column}" for column in kinds) for row in range(500)]
    async with writer.acquire() as connection, connection.transaction():
        await connection.execute(sql("claim.sql"), "demo", "5s", ["demo"], [])
        if name in NOT_KEPT:
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        values = columns(asked, kinds)
        await prepare(connection, name, sql(name), values)
        plan = nodes(await plan_of(connection, name, values))
    assert not [node["Node Type"] for node in plan if "Join" in node["Node Type"]]
    scans = [node for node in plan if node["Node Type"].endswith("Scan")]
    assert {node["Node Type"] for node in scans if "Relation Name" in node} <= SCANS
    probes = [node["Index Cond"] for node in scans if "Index Cond" in node]
    assert probes
    for condition in probes:
        assert condition.count(" = ") >= len(kinds), condition
