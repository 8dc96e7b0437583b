"""CI calls what people call and nothing else; without uv it installs it, and failures are told."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

# What the script itself needs of a machine.
_SHELL = ("bash", "cat", "chmod", "dirname", "sh")


class Machine:
    """A machine with a checkout on it and with only those programs that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self._checkout = folder / "checkout"
        self._programs = folder / "bin"
        self._log = folder / "log"
        self._programs.mkdir()
        (self._checkout / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci/run", self._checkout / ".ci")
        for name in _SHELL:
            (self._programs / name).symlink_to(shutil.which(name) or name)

    def has(self, name: str, does: str = "") -> None:
        """A program that notes where and how it is called, and then does this."""
        noted = f'echo "{name} $*" >>{self._log}\n[ "$PWD" = {self._checkout} ] || exit 9'
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{noted}\n{does}\n")
        path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run .ci/run from elsewhere, with its input closed."""
        return subprocess.run(
            ["sh", "-c", f"exec {self._checkout}/.ci/run <&-"],
            env={"PATH": str(self._programs)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """Which programs were called how, in order."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def programs(self) -> Path:
        """Where its programs are."""
        return self._programs


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a shell, and nothing else yet."""
    return Machine(tmp_path)


def test_ci_runs_what_the_readme_says(machine: Machine) -> None:
    machine.has("uv")
    machine.has("python3")
    assert machine.run().returncode == 0
    assert machine.calls == ["uv run just test"]


def test_ci_installs_uv_where_it_is_missing(machine: Machine) -> None:
    uv = machine.programs / "uv"
    machine.has("uv")
    uv.rename(uv.with_name("uv-to-be"))
    machine.has("python3", f"cat {uv}-to-be >{uv}; chmod 755 {uv}")
    assert machine.run().returncode == 0
    assert machine.calls == ["python3 -m pip install uv", "uv run just test"]


def test_ci_finds_uv_where_pip_put_it_off_the_path(machine: Machine) -> None:
    machine.has("python3")
    assert machine.run().returncode == 0
    assert machine.calls == ["python3 -m pip install uv", "python3 -m uv run just test"]


def test_ci_says_that_uv_cannot_be_installed(machine: Machine) -> None:
    machine.has("python3", "exit 1")
    ran = machine.run()
    assert ran.returncode == 1
    assert ".ci/run: failed: pip install uv" in ran.stderr
    assert machine.calls == ["python3 -m pip install uv"]


def test_ci_says_that_there_is_no_python(machine: Machine) -> None:
    ran = machine.run()
    assert ran.returncode == 1
    assert "neither uv nor Python" in ran.stderr


def test_ci_fails_when_the_tests_fail(machine: Machine) -> None:
    machine.has("uv", "exit 5")
    ran = machine.run()
    assert ran.returncode == 1
    assert "uv run just test (exit code 5)" in ran.stderr
