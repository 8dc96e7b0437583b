"""The rules are rules: each catches what it is there for, and lets pass what is right."""

import pytest

from tests.architecture import rules_of_code, rules_of_size, rules_of_words
from tests.architecture.test_tidy import RULES, Rule
from tests.architecture.tree import Text, texts

CODE = "domain/credit.py"
TEST = "tests/unit/test_charge.py"
LONG_SQL = 'READ = """\nSELECT 1' + "\n,1" * 11 + '\n"""\n'
WAITING = "async with asyncio.timeout(1):\n    while not f():\n        await asyncio.sleep(0.1)"
LONG_FUNCTION = "def decide():\n" + "    pass\n" * 50

BROKEN = [
    (rules_of_size.file_length, CODE, "\n" * 401),
    (rules_of_size.file_length, CODE, "\n" * 251),
    (rules_of_size.function_length, CODE, LONG_FUNCTION),
    (rules_of_size.function_length, CODE, f"async {LONG_FUNCTION}"),
    (rules_of_size.line_length, "relay/sql/take.sql", "x" * 101),
    (rules_of_size.line_length, "README.md", "x" * 121),
    (rules_of_size.module_docstring, CODE, "import math\n"),
    (rules_of_size.module_docstring, CODE, '"""no sentence"""'),
    (rules_of_size.module_docstring, CODE, '"""One. Two. Three. Four."""'),
    (rules_of_size.readme_length, "domain/README.md", "\n" * 121),
    (rules_of_words.names, "services/utils.py", ""),
    (rules_of_words.names, "services/common/charge.py", ""),
    (rules_of_words.names, CODE, "class ChargeManager: pass"),
    (rules_of_words.names, CODE, "class BaseCharge: pass"),
    (rules_of_words.names, CODE, "async def charge_helper(): pass"),
    (rules_of_words.unfinished, CODE, "# TODO: round"),
    (rules_of_words.unfinished, "README.md", "FIXME"),
    (rules_of_words.unfinished, CODE, "raise NotImplementedError"),
    (rules_of_words.registry_address, "justfile", "uv sync --index-url here"),
    (rules_of_words.registry_address, "README.md", "see https://pypi.org/simple"),
    (rules_of_words.machine_path, "README.md", "run /home/jane/run"),
    (rules_of_words.machine_path, CODE, 'PLACE = "/workspace/daybook"'),
    (rules_of_words.pragma_reason, CODE, "x = 1  # noqa: E501"),
    (rules_of_words.pragma_reason, CODE, "x = 1  # noqa"),
    (rules_of_words.pragma_reason, CODE, "x = y  # type: ignore[arg-type]"),
    (rules_of_words.pragma_reason, CODE, "x = y  # type: ignore  # as the library has it"),
    (rules_of_words.skip_reason, TEST, "@pytest.mark.skip"),
    (rules_of_words.skip_reason, TEST, "pytest.importorskip('x')"),
    (rules_of_words.version_reason, "pyproject.toml", '  "litestar<3",'),
    (rules_of_words.version_reason, "pyproject.toml", '  "litestar[jwt] == 2.1",'),
    (rules_of_code.floats, CODE, "rate: float"),
    (rules_of_code.floats, "contracts/money.py", "RATE = 0.2"),
    (rules_of_code.clocks, CODE, "datetime.now(tz=UTC)"),
    (rules_of_code.clocks, CODE, "date.today()"),
    (rules_of_code.clocks, CODE, "uuid4()"),
    (rules_of_code.loose_structs, CODE, "class A(msgspec.Struct, frozen=True): pass"),
    (rules_of_code.loose_structs, CODE, "class A(Struct, kw_only=True): pass"),
    (rules_of_code.loose_structs, CODE, "class A(Event, frozen=True): pass"),
    (rules_of_code.long_sql, CODE, LONG_SQL),
    (rules_of_code.formatted_sql, CODE, 'f"SELECT {x}"'),
    (rules_of_code.formatted_sql, CODE, 'f"DROP DATABASE {x}"'),
    (rules_of_code.formatted_sql, TEST, 'f"SELECT {x}"'),
    (rules_of_code.formatted_sql, CODE, '"DELETE FROM {}".format(table)'),
    (rules_of_code.formatted_sql, CODE, '"SELECT %s" % x'),
    (rules_of_code.formatted_sql, CODE, '"SELECT 1 FROM " + table'),
    (rules_of_code.swallowed, CODE, "try:\n    f()\nexcept Exception:\n    pass"),
    (
        rules_of_code.swallowed,
        CODE,
        "for x in y:\n    try:\n        f()\n    except:\n        continue",
    ),
    (rules_of_code.swallowed, CODE, "with contextlib.suppress(Exception): f()"),
    (rules_of_code.sleeps, TEST, "await asyncio.sleep(0.1)"),
    (rules_of_code.sleeps, TEST, "time.sleep(delay)"),
    (rules_of_code.sleeps, TEST, "while not f(): await asyncio.sleep(1)"),
    (rules_of_code.sleeps, TEST, "async with asyncio.timeout(9): await asyncio.sleep(1)"),
    (rules_of_code.sentences, TEST, "def test_charge(): pass"),
    (rules_of_code.sentences, TEST, "async def test_charge_works(): pass"),
]

KEPT = [
    (rules_of_size.module_docstring, CODE, '"""Codes, e.g. those of ICD. Prices too."""'),
    (rules_of_size.line_length, CODE, "x" * 200),
    (rules_of_words.names, "contracts/cloudevent.py", "def from_base64(): pass"),
    (rules_of_words.machine_path, CODE, '"{parent}/home/x"'),
    (rules_of_words.pragma_reason, CODE, "x = 1  # noqa: PTH208, the other way counts as blocking"),
    (rules_of_words.pragma_reason, CODE, "x = y  # type: ignore[misc]  # a pair, or an error"),
    (rules_of_words.version_reason, "pyproject.toml", '  "litestar<3", # 3 moves its handlers'),
    (rules_of_words.version_reason, "pyproject.toml", '  "litestar",'),
    (rules_of_code.floats, "services/bench/report.py", "rate: float"),
    (rules_of_code.clocks, CODE, "book.today(facility)"),
    (rules_of_code.loose_structs, CODE, "class A(Struct, frozen=True, kw_only=True, tag='a'): ..."),
    (rules_of_code.formatted_sql, CODE, 'f"{name} is no charge"'),
    (rules_of_code.formatted_sql, TEST, 'f"CREATE DATABASE {x}"'),
    (rules_of_code.swallowed, CODE, "try:\n    f()\nexcept KeyError:\n    pass"),
    (rules_of_code.sleeps, TEST, "await asyncio.sleep(0)"),
    (rules_of_code.sleeps, TEST, WAITING),
    (rules_of_code.sentences, TEST, "def test_a_charge_is_booked_once(): pass"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_broken_rule_is_told(rule: Rule, path: str, text: str) -> None:
    assert [offence.path for offence in rule(Text(path, text))] == [path]


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_what_keeps_a_rule_passes(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Text(path, text))) == []


def test_every_rule_is_broken_here_once() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_the_rules_see_the_project() -> None:
    paths = {text.path for text in texts()}
    assert {"justfile", "pyproject.toml", ".ci/run", "deploy/lock.py", CODE} <= paths
    assert "uv.lock" not in paths
