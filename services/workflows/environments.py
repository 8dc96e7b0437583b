"""The packages of a config project: one environment per lock, which its checkouts share.

`requirements.txt` is a lock: every line names one version, so the same text is the same packages.
"""

import ensurepip
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from services.workflows.isolation import OWN, Interpreter

LOCK: Final = "requirements.txt"
_PINNED: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]+\])?\s*==\s*[A-Za-z0-9.!+_-]+"
    r"(\s*;[^\\]*?)?(\s+--hash=sha256:[0-9a-f]{64})*"
)
_SECONDS_MAX: Final = 600
_SAID_LETTERS_MAX: Final = 2_000
_PIP: Final = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1));"
    " runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
# What pip needs of this process to find packages, and nothing else of it.
_PASSED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class DependenciesUnusable(Exception):
    """The packages of a project cannot be had; the text says which and why."""


def environment_of(project: Path, folder: Path) -> Interpreter:
    """The Python with a project's packages, made below `folder` where there is none; it may take
    minutes. Raises DependenciesUnusable."""
    lines = _locked(project)
    if not lines:
        return OWN
    named = "\n".join((sys.version, *lines))
    made = folder / hashlib.sha256(named.encode()).hexdigest()[:32]
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{made}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not (made / ".ready").exists():
            _make(made, lines)
            (made / ".ready").touch()
    finally:
        os.close(descriptor)
    return Interpreter(python=made / "bin" / "python", prefix=made)


def _locked(project: Path) -> list[str]:
    path = project / LOCK
    if not path.is_file():
        return []
    text = path.read_text().replace("\\\n", " ")
    lines = [line for each in text.splitlines() if (line := each.partition(" #")[0].strip())]
    lines = [line for line in lines if not line.startswith("#")]
    for line in lines:
        if not _PINNED.fullmatch(line):
            raise DependenciesUnusable(
                f"{LOCK}: {line[:100]!r} does not pin a package: write name==version"
            )
    return lines


def _make(made: Path, lines: list[str]) -> None:
    shutil.rmtree(made, ignore_errors=True)
    _run(sys.executable, "-I", "-m", "venv", "--without-pip", str(made))
    lock = made / LOCK
    lock.write_text("\n".join(lines) + "\n")
    packages = next((made / "lib").glob("python3.*")) / "site-packages"
    # Only wheels: to install anything else is to run it, here and unconfined.
    options = ("--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet")
    place = ("--target", str(packages), "--requirement", str(lock))
    _run(sys.executable, "-I", "-S", "-c", _PIP, str(_bundled_pip()), "install", *options, *place)


def _bundled_pip() -> Path:
    """Python's own copy of pip, which needs no place to be installed at."""
    found = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not found:
        raise DependenciesUnusable("this Python has no pip: install its package of ensurepip")
    return found[-1]


def _run(*command: str) -> None:
    given = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("PIP_")
    }
    try:
        done = subprocess.run(
            command,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DependenciesUnusable(
            f"{LOCK}: packages were not there after {_SECONDS_MAX} s"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_SAID_LETTERS_MAX:]
        raise DependenciesUnusable(f"{LOCK}: {said}")
