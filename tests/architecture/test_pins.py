"""Everybody gets the same versions: what is installed is what pyproject.toml pins."""

import re
import tomllib
from importlib.metadata import distributions
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from deploy.lock import pins_of, with_pins
from tests.architecture.tree import ROOT

# The project itself, and what installs it: whoever has those has them before the project.
_NOT_PINNED = {"daybook", "pip", "setuptools", "uv", "wheel"}
_PROJECT = (ROOT / "pyproject.toml").read_text()


def tool_of_uv() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(_PROJECT)["tool"]["uv"]
    return table


def pinned() -> dict[str, str]:
    """The versions that are pinned for this platform and Python, by name."""
    pins = [Requirement(pin) for pin in tool_of_uv()["constraint-dependencies"]]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in here}


def test_what_is_installed_is_what_is_pinned() -> None:
    installed = {
        canonicalize_name(distribution.name): f"=={Version(distribution.version)}"
        for distribution in distributions()
        if canonicalize_name(distribution.name) not in _NOT_PINNED
    }
    versions = pinned()
    wrong = {
        name: f"{version} is installed, {versions.get(name, 'no version')} is pinned"
        for name, version in installed.items()
        if versions.get(name) != version
    }
    assert wrong == {}, "run `just lock`, then `uv sync`"


def test_every_pin_is_exact_and_they_stand_in_order() -> None:
    pins = tool_of_uv()["constraint-dependencies"]
    assert [pin for pin in pins if not re.match(r"[a-z0-9-]+==[\w.+!]+( ; .+)?$", pin)] == []
    assert pins == sorted(pins, key=lambda pin: pin.partition("==")[0])


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads(_PROJECT)
    direct = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {canonicalize_name(Requirement(dependency).name) for dependency in direct}
    assert names - pinned().keys() == set()


def test_a_name_with_one_version_is_pinned_on_every_platform() -> None:
    assert pins_of(["b==2 ; sys_platform == 'win32'", "a-b==1"]) == ["a-b==1", "b==2"]


def test_a_name_with_two_versions_keeps_their_markers() -> None:
    lines = ["a==2 ; python_full_version >= '3.12'", "a==1 ; python_full_version < '3.12'"]
    assert pins_of(lines) == sorted(lines)


def test_what_is_no_released_version_cannot_be_pinned() -> None:
    with pytest.raises(ValueError, match="no released version"):
        pins_of(["a @ file:///elsewhere"])


def test_pinning_again_changes_nothing() -> None:
    assert with_pins(_PROJECT, tool_of_uv()["constraint-dependencies"]) == _PROJECT


def test_pins_replace_those_that_were_there() -> None:
    unpinned = with_pins(_PROJECT, [])
    assert tomllib.loads(unpinned)["tool"]["uv"]["constraint-dependencies"] == []
    assert tomllib.loads(with_pins(unpinned, ["a==1"]))["tool"]["uv"][
        "constraint-dependencies"
    ] == ["a==1"]


def test_a_project_without_a_place_for_pins_is_refused() -> None:
    with pytest.raises(ValueError, match="no single block"):
        with_pins("[project]\n", ["a==1"])
