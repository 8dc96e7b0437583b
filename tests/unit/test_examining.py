"""Commands are examined one by one, also those that come in a group; what is unchanged stays."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
import pytest

from services.execute.attempt import LedgerUnavailable
from services.execute.examining import examine_all
from services.execute.group import Group
from tests.fixtures.write_path import capture, envelope, open_account


async def in_lira(commands: Sequence[tuple[str, Any]]) -> list[Any]:
    """Changes the currency of charges with code X."""
    return [
        msgspec.structs.replace(command, currency="TRY")
        if getattr(command, "code", None) == "X"
        else command
        for _, command in commands
    ]


async def test_each_command_is_examined_and_the_rest_is_what_it_was() -> None:
    account, plain, odd = open_account(), capture(), capture(code="X")
    given = [
        envelope(account),
        envelope(Group(commands=(plain, odd, account), atomic=True)),
        envelope(odd),
    ]
    first, group, last = await examine_all(in_lira, given)
    assert first is given[0]
    kept, changed, also_kept = group.command.commands
    assert (kept is plain, also_kept is account) == (True, True)
    assert changed.currency == last.command.currency == "TRY"
    assert last.payload_hash == given[2].payload_hash
    assert await examine_all(in_lira, []) == []


@pytest.mark.parametrize(
    ("fault", "becomes"),
    [
        (asyncpg.InterfaceError("the pool is closed"), LedgerUnavailable),
        (OSError("no route"), LedgerUnavailable),
        (KeyError("a bug"), KeyError),
    ],
)
async def test_only_an_absent_database_is_a_reason_to_repeat(
    fault: Exception, becomes: type[Exception]
) -> None:
    async def fail(_commands: Sequence[tuple[str, Any]]) -> list[Any]:
        raise fault

    with pytest.raises(becomes):
        await examine_all(fail, [envelope(capture())])
