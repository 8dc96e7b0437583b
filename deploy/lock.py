"""Pin every direct and indirect dependency in pyproject.toml, for all platforms and Pythons.

The pins are the record that is committed; uv.lock is derived from them and names a registry.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parent.parent
_PINS: Final = re.compile(r"^constraint-dependencies = \[\n(?:  .*\n)*\]\n", re.MULTILINE)
_LINE: Final = re.compile(r"(?P<pin>(?P<name>[a-z0-9-]+)==[^ ;]+)(?: ; (?P<marker>.+))?")
_EXPORT: Final = (
    *("export", "--quiet", "--all-groups", "--all-extras", "--no-emit-project"),
    *("--no-hashes", "--no-header", "--no-annotate"),
)


class NotResolved(Exception):
    """uv found no set of versions; what it said is on standard error."""


def main() -> None:
    """Rewrite the pins; exit code 1 when the dependencies have no common solution."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--upgrade", action="store_true", help="the newest versions that fit")
    upgrade = arguments.parse_args().upgrade
    path = PROJECT / "pyproject.toml"
    before = path.read_text()
    try:
        pins = pins_of(resolved(with_pins(before, []) if upgrade else before))
    except NotResolved:
        sys.exit("the pins do not fit the dependencies: mend them, or run with --upgrade")
    after = with_pins(before, pins)
    path.write_text(after)
    changed = "no change" if after == before else "pyproject.toml written"
    sys.stdout.write(f"{len(pins)} versions pinned, {changed}\n")


def resolved(project: str) -> list[str]:
    """One line per version that a pyproject.toml leads to: `name==version ; marker`.

    Resolved in an empty folder, so that the answer depends on nothing but this text.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(project)
        shutil.copy(PROJECT / "README.md", folder)
        # The uv that runs us, when one does: it may lie outside the PATH.
        uv = [os.environ.get("UV", "uv"), *_EXPORT, "--directory", folder]
        ran = subprocess.run(uv, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        raise NotResolved
    return ran.stdout.splitlines()


def pins_of(lines: list[str]) -> list[str]:
    """The pins, sorted; a marker only where one name has several versions.

    Raises ValueError for a dependency that is no released version, such as a path or an address.
    """
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{line!r} is no released version: it cannot be pinned")
        found.append(match)
    names = [match["name"] for match in found]
    ordered = sorted(found, key=lambda match: (match["name"], match[0]))
    return [match[0] if names.count(match["name"]) > 1 else match["pin"] for match in ordered]


def with_pins(project: str, pins: list[str]) -> str:
    """The text of pyproject.toml with these pins in the place of its own."""
    block = "".join(f'  "{pin}",\n' for pin in pins)
    if len(_PINS.findall(project)) != 1:
        raise ValueError("pyproject.toml has no single block `constraint-dependencies = [`")
    return _PINS.sub(lambda _: f"constraint-dependencies = [\n{block}]\n", project)


if __name__ == "__main__":
    main()
