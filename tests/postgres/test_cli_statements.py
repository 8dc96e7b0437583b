"""`daybook statement run` as an operator meets it."""

from click.testing import Result

from services.execute.executor import Executor
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.write_path import all_done, envelope, open_account


def started(database: Database, facility: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    place = ("--facility", facility, "--as-of", "2026-01-31")
    return command("statement", "run", *place, env=addresses)


async def test_a_run_is_started_where_accounts_are_kept_and_nowhere_else(
    database: Database,
) -> None:
    async with Executor(await database.pool("daybook_writer", 2)) as executor:
        assert all_done([await executor.execute(envelope(open_account()))])
    nowhere = started(database, "nowhere")
    assert (nowhere.exit_code, "nowhere keeps no account" in nowhere.stderr) == (1, True)
    assert "is running" in started(database, "north").stdout
