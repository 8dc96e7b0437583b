"""What docker itself says of compose.yaml, with passwords made up; says so where it is missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
_NAME: Final = re.compile(r"^(\w+_PASSWORD)=$", re.MULTILINE)


def main() -> None:
    """Exit with what `docker compose config` exits with."""
    docker = shutil.which("docker")
    has_compose = docker and not _run([docker, "compose", "version"], quiet=True)
    if not docker or not has_compose:
        sys.stdout.write("docker compose is not here: compose.yaml was checked without it\n")
        return
    names = _NAME.findall((FOLDER / "example.env").read_text())
    os.environ.update(dict.fromkeys(names, "p1"))
    compose = [docker, "compose", "--file", str(FOLDER / "compose.yaml")]
    # How callers are known is a file of the operator's.
    sys.exit(_run([*compose, "config", "--quiet", "--no-env-resolution"]))


def _run(command: list[str], *, quiet: bool = False) -> int:
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, stdout=output, stderr=output, check=False).returncode


if __name__ == "__main__":
    main()
