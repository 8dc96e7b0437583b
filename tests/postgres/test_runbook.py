"""The SQL of deploy/runbook.md runs as it is written there."""

import re

import asyncpg
import pytest

from tests.fixtures.databases import Database
from tests.fixtures.deployed_postgres import COMMITTED

STATEMENTS = [
    " ".join(statement.split())
    for block in re.findall(r"```sql\n(.*?)```", (COMMITTED / "runbook.md").read_text(), re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]


@pytest.fixture
async def auditor(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_auditor", 1)


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_of_the_runbook_runs(statement: str, auditor: asyncpg.Pool) -> None:
    async with auditor.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL search_path = daybook, read")
        await connection.fetch(statement)
