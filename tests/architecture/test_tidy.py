"""Style as a failing test: every rule over every file, and what the tree as a whole must hold."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.architecture import rules_of_code, rules_of_size, rules_of_words
from tests.architecture.tree import PACKAGES, ROOT, Offence, Text, texts

Rule = Callable[[Text], Iterator[Offence]]
RULES: tuple[Rule, ...] = (*rules_of_size.RULES, *rules_of_words.RULES, *rules_of_code.RULES)
MIGRATIONS = ROOT / "services/adapters/postgres/migrations"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    offences = [str(offence) for text in texts() for offence in rule(text)]
    assert not offences, f"{rule.__doc__}\n" + "\n".join(offences)


def test_every_file_that_is_listed_as_long_is_long() -> None:
    long = [text.path for text in texts() if len(text.lines) > rules_of_size.FILE_LINES_LISTED]
    assert [path for path in rules_of_size.LONG if not any(p.startswith(path) for p in long)] == []


def test_every_file_that_is_listed_for_its_sleeps_is_there() -> None:
    assert rules_of_code.SLEEPING.keys() <= {text.path for text in texts()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_a_readme(package: str) -> None:
    readme = ROOT / package / "README.md"
    assert readme.is_file(), f"{package}/ has no README.md: what it owns, and what it never does"
    assert readme.read_text().startswith(f"# {package}")


def test_migrations_are_numbered_without_clashes() -> None:
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert names
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z_]+\.sql", name)] == []
    numbers = Counter(name[:4] for name in names)
    assert [number for number, count in numbers.items() if count > 1] == []


def test_tests_are_folders_and_not_packages() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders & set(PACKAGES) == set()
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_changelog_says_what_is_not_released_yet() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## Unreleased$", changelog, re.MULTILINE)
