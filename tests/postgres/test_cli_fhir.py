"""`daybook fhir` as an operator meets it: what a server refused, and sending it again."""

import json

import pytest
from click.testing import Result

from services.execute.executor import Executor
from services.fhir import refused
from services.fhir.showing import Shown
from services.ports import NotKept
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.http_api import create_log, sequence
from tests.fixtures.write_path import envelope, open_account

REASON = "HTTP 422: an Account has to have a name"


def fhir(database: Database, *arguments: str, **settings: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("fhir", "refused", *arguments, env=addresses | settings)


@pytest.fixture
async def refused_account(database: Database) -> str:
    """An account of the log that a server would not take."""
    writer = await database.pool("daybook_writer", 4)
    opening = open_account()
    async with Executor(writer) as executor:
        await executor.execute(envelope(opening))
    await create_log(database)
    await sequence(await database.pool("daybook_sequencer", 1))
    shown = Shown("Account", opening.account_id, 1, {})
    await refused.note(writer, "demo", [shown], [NotKept(shown, 422, REASON)])
    return opening.account_id


async def test_what_was_refused_is_listed_and_sent_again(
    database: Database, refused_account: str
) -> None:
    assert REASON in fhir(database, "list").stdout
    (row,) = json.loads(fhir(database, "list", "--json").stdout)["items"]
    assert (row["stream_id"], row["type"], row["status"]) == (refused_account, "Account", 422)
    assert "refused nothing" in fhir(database, "list", "--tenant", "other").stdout
    done = fhir(database, "retry", "--all")
    assert (done.exit_code, done.output) == (0, "1 taken\n")
    assert "refused nothing" in fhir(database, "list").stdout
    admin = await database.admin()
    assert await admin.fetchval("SELECT id FROM fhir_resources") == refused_account.replace(
        "_", "-"
    )


async def test_what_comes_late_neither_strikes_a_refusal_nor_makes_one(database: Database) -> None:
    writer = await database.pool("daybook_writer", 1)
    early, late = (Shown("ChargeItem", "chg_1", position, {}) for position in (1, 7))
    await refused.note(writer, "demo", [late], [NotKept(late, 422, REASON)])
    await refused.note(writer, "demo", [early], [])
    await refused.note(writer, "demo", [early], [NotKept(early, 400, "an older reason")])
    (found,) = (await refused.list_refused(writer, "demo")).items
    assert (found.position, found.detail) == (7, REASON)
    await refused.note(writer, "demo", [late], [])
    assert (await refused.list_refused(writer, "demo")).items == []


async def test_a_server_that_is_away_is_said_in_one_line(
    database: Database, refused_account: str
) -> None:
    away = {"DAYBOOK_FHIR_URL": "http://127.0.0.1:1/fhir"}
    failed = fhir(database, "retry", refused_account, **away)
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: the FHIR server takes nothing now: ConnectError")
    assert REASON in fhir(database, "list").stdout


async def test_what_is_no_id_or_nothing_of_ours_is_said(database: Database) -> None:
    assert fhir(database, "retry", "nonsense").exit_code == 2
    assert fhir(database, "retry").exit_code == fhir(database, "retry", "acc_1", "--all").exit_code
    failed = fhir(database, "retry", "acc_1")
    assert (failed.exit_code, failed.stderr) == (1, "Error: nothing is shown of acc_1\n")
