"""`daybook rebuild` as an operator and as a program meet it."""

import json
from typing import Any

import pytest
from click.testing import Result

from projections.builds import Build
from projections.projection import projection_named
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels

LOG = history(7, 60)
END = len(LOG)
INVOICES = projection_named("invoices")


@pytest.fixture
async def differing(read_models: ReadModels) -> ReadModels:
    """A log whose live invoices were damaged."""
    await read_models.write_log(LOG)
    await read_models.catch_up(END)
    await read_models.admin.execute(
        "UPDATE read.invoices SET outstanding_minor = outstanding_minor + 7 WHERE status <> 'paid'"
    )
    return read_models


def rebuild(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("rebuild", "invoices", *arguments, env=addresses)


def printed(result: Result) -> dict[str, Any]:
    """The JSON of a command; the log of the tests stands before it."""
    content: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return content


async def live(read_models: ReadModels) -> Build:
    return await read_models.live(INVOICES)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
async def test_what_differs_is_not_shown_to_readers_unasked(
    arguments: tuple[str, ...], differing: ReadModels, database: Database
) -> None:
    left = rebuild(database, *arguments)
    assert left.exit_code == 1
    assert "--yes" in left.stderr
    assert (await live(differing)).build == 1
    if arguments:
        content = printed(left)
        assert (content["shown"], len(content["comparison"]["differences"]) > 0) == (False, True)
    shown = rebuild(database, "--yes", *arguments)
    assert shown.exit_code == 0, shown.stderr
    assert (await live(differing)).build == 2


async def test_a_halted_read_model_is_said_to_be_behind(
    differing: ReadModels, database: Database
) -> None:
    await differing.write_log(history(7, 90)[END:])
    await differing.admin.execute(
        "UPDATE read.projections SET status = 'halted', halted_position = $1, error = 'why'"
        " WHERE name = 'invoices'",
        END + 1,
    )
    head = await differing.admin.fetchval("SELECT position FROM log_head")
    assert head > END
    told = rebuild(database, "--json", "--yes")
    assert told.exit_code == 0
    assert f"was halted at position {END + 1} (why)" in told.stderr
    assert str(head) in told.stderr
    content = printed(told)
    assert (content["halted_position"], content["head"]) == (END + 1, head)
    assert content["checkpoint"] == END


async def test_resuming_tells_whether_there_was_anything_to_resume(
    differing: ReadModels, database: Database
) -> None:
    nothing = rebuild(database, "--resume", "--json")
    assert nothing.exit_code == 1
    assert "invoices is not halted" in nothing.stderr
    assert printed(nothing) == {"name": "invoices", "resumed": False}
    await differing.admin.execute(
        "UPDATE read.projections SET status = 'halted', halted_position = 70, error = 'why'"
    )
    resumed = rebuild(database, "--resume", "--json")
    assert (resumed.exit_code, resumed.stderr) == (0, "")
    assert printed(resumed) == {"name": "invoices", "resumed": True}


@pytest.mark.parametrize("other", ["--rollback", "--yes"])
def test_resuming_goes_with_nothing_that_rebuilds(other: str) -> None:
    refused = command("rebuild", "invoices", "--resume", other)
    assert refused.exit_code == 2
    assert other in refused.stderr
