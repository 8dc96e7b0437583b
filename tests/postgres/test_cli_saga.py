"""`daybook saga` as an operator and as the sagas meet it."""

import json

from click.testing import Result

from services.sagas.settings import SagaSettings, read_settings
from services.tenant_view import tenant_view
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database


def saga(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("saga", *arguments, env=addresses)


def shown(database: Database, *arguments: str) -> SagaSettings:
    listed = saga(database, "show", "--json", *arguments).stdout.splitlines()[-1]
    return SagaSettings(**json.loads(listed))


async def test_a_choice_is_made_alone_and_is_what_sagas_go_by(database: Database) -> None:
    assert shown(database) == SagaSettings()
    assert "draft" in saga(database, "set", "--encounter-invoice", "draft").stdout
    assert saga(database, "set", "--due-days", "14").exit_code == 0
    chosen = SagaSettings(encounter_invoice="draft", due_days=14)
    assert shown(database) == chosen
    assert shown(database, "--tenant", "other") == SagaSettings()
    async with tenant_view(await database.pool("daybook_writer"), "demo") as connection:
        assert await read_settings(connection, "demo") == chosen


def test_what_is_no_choice_is_refused(database: Database) -> None:
    for wrong in ((), ("--due-days", "-1"), ("--encounter-invoice", "send")):
        assert saga(database, "set", *wrong).exit_code == 2
    assert shown(database) == SagaSettings()
