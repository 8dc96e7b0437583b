"""`daybook codes` as an operator and as a program meet it."""

import json
from pathlib import Path

from click.testing import Result

from tests.fixtures.command_line import command
from tests.fixtures.databases import Database

SYSTEM = "http://www.ama-assn.org/go/cpt"


def codes(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("codes", *arguments, env=addresses)


def version(version: str = "2026", system: str = SYSTEM) -> tuple[str, ...]:
    return "--system", system, "--version", version


async def test_a_system_is_loaded_listed_and_removed(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "cpt.csv"
    file.write_text("\ufeffcode,display\n99213,Visit\n99214,Longer visit\n", encoding="utf-8")
    loaded = codes(database, "load", str(file), *version())
    assert (loaded.exit_code, loaded.output) == (
        0,
        f"2 codes of {SYSTEM} 2026 loaded for demo\n",
    )
    listed = codes(database, "list", "--json")
    (found,) = json.loads(listed.stdout.splitlines()[-1])
    assert (found["system"], found["version"], found["codes"]) == (SYSTEM, "2026", 2)
    assert SYSTEM in codes(database, "list").stdout
    assert "no code system" in codes(database, "list", "--tenant", "other").stdout
    assert codes(database, "remove", *version()).exit_code == 0
    missing = codes(database, "remove", *version())
    assert (missing.exit_code, "daybook codes list" in missing.stderr) == (1, True)


async def test_what_is_wrong_is_said_in_one_line_and_nothing_is_loaded(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "cpt.csv"
    for content, said in (
        (b"code\n1\na b\n1\n", "line 4: code 1 is in line 2 already"),
        (b"code\n\xff\n", "is no UTF-8"),
        (b"", "line 1: a header"),
    ):
        file.write_bytes(content)
        refused = codes(database, "load", str(file), *version())
        assert refused.exit_code == 1
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert "no code system" in codes(database, "list").stdout
    file.write_text("code\n1\n")
    for arguments in (version(system="a b"), version(" ")):
        assert codes(database, "load", str(file), *arguments).exit_code == 2
