"""Imports point down: import-linter's contracts hold, and they catch what they forbid."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, sources

# Of the standard library: I/O, chance and clocks. import-linter follows imports of packages only.
_IMPURE = {"asyncio", "random", "secrets", "socket", "sqlite3", "subprocess", "threading", "time"}
# The smallest tree that import-linter's contracts fit.
_SKELETON = {f"{package}/__init__.py": "" for package in PACKAGES} | {
    "contracts/money.py": "",
    "domain/charge.py": "import contracts.money",
    "projections/invoices.py": "import contracts.money, asyncpg",
    "relay/lease.py": "import nats",
    "services/execute.py": "import relay.lease, domain, projections, contracts, asyncpg",
    "services/wiring.py": "from services.adapters import postgres",
    "services/adapters/__init__.py": "",
    "services/adapters/postgres.py": "",
}
DOWN = "Imports point down, and the three in the middle know nothing of each other"
PURE = "The published language and the decisions do no I/O"
NATS = "Only relay speaks to NATS"
WIRED = "Adapters are wired in one place"

FORBIDDEN = [
    (DOWN, "contracts/money.py", "import domain"),
    (DOWN, "contracts/money.py", "from services import execute"),
    (DOWN, "domain/charge.py", "import relay.lease"),
    (DOWN, "domain/charge.py", "def decide():\n    import projections"),
    (DOWN, "projections/invoices.py", "from domain.charge import Charge"),
    (DOWN, "relay/lease.py", "import services.wiring"),
    (PURE, "contracts/money.py", "import asyncpg"),
    (PURE, "domain/charge.py", "import asyncio"),
    (PURE, "domain/charge.py", "from structlog import get_logger"),
    (NATS, "services/execute.py", "import nats"),
    (NATS, "services/wiring.py", "from nats.aio.client import Client"),
    (NATS, "projections/invoices.py", "import nats.js"),
    (WIRED, "services/execute.py", "from services.adapters import postgres"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter as `just imports` does, over the tree in a folder."""
    command = (
        "from importlinter.cli import lint_imports_command as c; c(['--no-cache', '--no-logo'])"
    )
    return subprocess.run(
        [sys.executable, "-c", command], cwd=folder, capture_output=True, text=True
    )


def skeleton(folder: Path) -> Path:
    """A small tree under the project's own contracts, which breaks none of them."""
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for path, text in _SKELETON.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(f"{text}\n")
    return folder


def test_every_import_of_the_project_is_allowed() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(("name", "path", "added"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(
    tmp_path: Path, name: str, path: str, added: str
) -> None:
    with (skeleton(tmp_path) / path).open("a") as source:
        source.write(f"{added}\n")
    ran = lint(tmp_path)
    assert ran.returncode == 1
    assert f"{name} BROKEN" in " ".join(ran.stdout.split()), ran.stdout


def test_allowed_imports_break_no_contract(tmp_path: Path) -> None:
    ran = lint(skeleton(tmp_path))
    assert ran.returncode == 0, ran.stdout


def impure(tree: ast.Module) -> set[str]:
    """The modules of the standard library's impure ones that a source imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found & _IMPURE


@pytest.mark.parametrize("package", ["contracts", "domain"])
def test_contracts_and_domain_have_no_clock_no_chance_and_no_io(package: str) -> None:
    found = {text.path: impure(text.tree) for text in sources() if text.package == package}
    assert found
    assert {path: names for path, names in found.items() if names} == {}


def test_an_import_of_a_clock_is_found() -> None:
    assert impure(ast.parse("def f():\n    from time import time")) == {"time"}
    assert impure(ast.parse("import random as chance, json")) == {"random"}
    assert impure(ast.parse("from domain.time import now")) == set()
