"""What `just check` runs passes here as well, so that the tests alone say whether all is well."""

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT

TOOLS = [
    pytest.param(["ruff", "check"], id="lint"),
    pytest.param(["ruff", "format", "--check"], id="layout"),
    pytest.param(["mypy"], id="types"),
]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tool_finds_nothing(tool: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
