"""Every command is in the README and in the CHANGELOG."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from services.cli.main import main

ROOT = Path(__file__).parents[2]


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The paths of all commands that do something."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, *path, name)


def named(text: str) -> set[tuple[str, ...]]:
    """The commands that a text names, as `daybook a b|c` does."""
    found = set()
    for words in re.findall(r"daybook ([a-z |\\-]+)", text):
        *path, last = words.replace("\\", "").split() or [""]
        found |= {(*path, verb) for verb in last.split("|")}
    return found


@pytest.mark.parametrize("path", list(leaves(main)), ids=" ".join)
@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_every_command_is_written_about(page: str, path: tuple[str, ...]) -> None:
    assert any(words[: len(path)] == path for words in named((ROOT / page).read_text()))
