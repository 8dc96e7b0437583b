"""The checker of bundles runs where nothing of ours is: one file, the standard library and
`cryptography`.
"""

import ast
import gzip
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

CHECKER = ROOT / "services/audit/checker.py"
GOLDEN = ROOT / "tests/golden/tlog"
BUNDLE = gzip.decompress((GOLDEN / "bundle.tar.gz").read_bytes())
NEEDED = ("cryptography", "cffi", "_cffi_backend")  # the second and third are the first's
RUN = (
    "import runpy, sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p];"
    "sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)


def test_it_imports_the_standard_library_and_cryptography() -> None:
    tree = ast.parse(CHECKER.read_text())
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - sys.stdlib_module_names == {"cryptography"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another machine's folders: the one file, and `cryptography`."""
    shutil.copy(CHECKER, tmp_path / "checker.py")
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        path = origin.parent if origin.name == "__init__.py" else origin
        (packages / path.name).symlink_to(path)
    return tmp_path


def run(elsewhere: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-c", RUN),
            *(str(elsewhere / "packages"), str(elsewhere / "checker.py"), *arguments),
        ],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_checks_a_bundle_with_nothing_of_ours(elsewhere: Path) -> None:
    key = (GOLDEN / "bundle-key.txt").read_text().strip()
    kept = str(GOLDEN / "kept.txt")
    (elsewhere / "bundle.tar").write_bytes(BUNDLE)
    done = run(elsewhere, "bundle.tar", "--key", key, "--checkpoint", kept)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("proved: balance acc_")


def test_it_refuses_a_changed_bundle_and_says_why(elsewhere: Path) -> None:
    (elsewhere / "changed.tar").write_bytes(BUNDLE.replace(b"north", b"south", 1))
    done = run(elsewhere, "changed.tar")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("REFUSED: ")


@pytest.mark.parametrize("arguments", [["gone.tar"], ["--key"], []])
def test_it_says_that_it_could_not_check(elsewhere: Path, arguments: list[str]) -> None:
    done = run(elsewhere, *arguments)
    assert done.returncode == 2
    assert done.stderr
