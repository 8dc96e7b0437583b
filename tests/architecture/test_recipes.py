"""The recipes: what is there, that each says what it does, and that all run through uv."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT

RECIPES = (
    *("setup", "up", "demo", "test", "check", "fmt", "lint"),
    *("types", "imports", "bench", "contracts", "rebuild", "lock", "deploy-check"),
    "schemathesis",
)
JUST = Path(sys.executable).with_name("just")


def just(*arguments: str) -> str:
    """What just says about the project's recipes."""
    ran = subprocess.run(
        [JUST, "--justfile", ROOT / "justfile", *arguments], stdout=subprocess.PIPE, check=True
    )
    return ran.stdout.decode()


@pytest.fixture(scope="module")
def recipes() -> dict[str, Any]:
    """The recipes by name, as just understands them."""
    found: dict[str, Any] = json.loads(just("--dump", "--dump-format", "json"))["recipes"]
    return found


def test_every_recipe_is_in_a_group_and_has_a_line_of_help(recipes: dict[str, Any]) -> None:
    public = {name: recipe for name, recipe in recipes.items() if not recipe["private"]}
    assert public.keys() == set(RECIPES)
    for name, recipe in public.items():
        assert recipe["doc"], f"{name} has no line of help"
        assert any("group" in attribute for attribute in recipe["attributes"]), name


def test_just_alone_lists_the_recipes() -> None:
    listed = just()
    assert set(re.findall(r"^ +([a-z-]+)\b.*# ", listed, re.MULTILINE)) == set(RECIPES)
    assert "[check]" in listed


def test_every_recipe_runs_through_uv(recipes: dict[str, Any]) -> None:
    lines = [line for name, recipe in recipes.items() if name != "_list" for line in recipe["body"]]
    assert lines
    assert [line for line in lines if line[0] != [["variable", "run"]]] == []


def test_one_command_checks_everything(recipes: dict[str, Any]) -> None:
    steps = [step["recipe"] for step in recipes["check"]["dependencies"]]
    assert steps == ["_format", "lint", "types", "imports", "_drift", "test"]


def test_hooks_need_no_repository_of_hooks() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    assert set(re.findall(r"language: (\S+)", hooks)) == {"system"}
