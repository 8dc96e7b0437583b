"""The SQL of deploy/runbook.md runs as it is written there."""

import re

from tests.fixtures.databases import Database
from tests.fixtures.deployed_postgres import COMMITTED

STATEMENTS = [
    statement
    for block in re.findall(r"```sql\n(.*?)```", (COMMITTED / "runbook.md").read_text(), re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]


async def test_every_statement_of_the_runbook_runs(database: Database) -> None:
    auditor = await database.pool("daybook_auditor", 1)
    assert STATEMENTS
    for statement in STATEMENTS:
        async with auditor.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL search_path = daybook, read")
            await connection.fetch(statement)
