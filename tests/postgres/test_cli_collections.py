"""`daybook collection schedule` as an operator and as a program meet it."""

import json

import pytest
from click.testing import Result

from services.statements.collections import CollectionSchedule, read_schedule
from services.tenant_view import tenant_view
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database


def schedule(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("collection", "schedule", *arguments, env=addresses)


async def test_a_schedule_is_set_shown_and_holds_for_its_tenant(database: Database) -> None:
    usual = "reminders 7, 21, 45 days after the due date; collections take over after 60 days"
    assert schedule(database, "show").stdout == f"demo: {usual}\n"
    for _ in range(2):
        done = schedule(database, "set", "--remind", "20", "--remind", "5", "--hand-over", "30")
        assert (done.exit_code, done.output) == (
            0,
            "demo: reminders 5, 20 days after the due date; collections take over after 30 days\n",
        )
    shown = json.loads(schedule(database, "show", "--json").stdout)
    assert shown == {"reminder_days": [5, 20], "handover_day": 30}
    assert usual in schedule(database, "show", "--tenant", "other").stdout
    assert "no reminders; nothing goes to collections" in schedule(database, "set", "--none").stdout
    async with tenant_view(await database.pool("daybook_reader", 1), "demo") as connection:
        assert await read_schedule(connection) == CollectionSchedule(
            reminder_days=(), handover_day=None
        )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say --none"),
        (("--none", "--remind", "3"), "say --none"),
        (("--remind", "0"), "1<=x<=3650"),
        (("--hand-over", "soon"), "soon"),
        (("--remind", "30", "--hand-over", "30"), "after the last reminder"),
        ([word for day in range(1, 14) for word in ("--remind", str(day))], "at most 12"),
    ],
)
def test_what_is_no_schedule_is_refused(arguments: list[str], says: str) -> None:
    refused = command("collection", "schedule", "set", *arguments)
    assert (refused.exit_code, says in refused.stderr) == (2, True), refused.stderr
