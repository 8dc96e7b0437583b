"""What the process of a script gets: its interpreter, its few variables, and what of the machine it
may see.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog

from services.workflows.script import confinement

RUNNER: Final = Path(confinement.__file__).with_name("daybook_activity.py")
_PASSED: Final = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
_REFUSED: Final = ("DAYBOOK_", "PG", "AWS_", "OTEL_", "SENTRY_")
_SYSTEM: Final = (
    *("/usr", "/lib", "/lib64", "/bin", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/localtime"),
    *("/etc/ld.so.cache", "/etc/mime.types", "/dev/random", "/dev/urandom"),
)
_log = structlog.get_logger()


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """A Python for scripts; `prefix` is where its packages are, None where it has none."""

    python: Path
    prefix: Path | None = None

    def command(self, descriptor: int) -> tuple[str, ...]:
        """Run the script that is told over a descriptor; of Daybook's own packages it has none."""
        # Isolated of variables and of the current folder; without packages also of ours.
        flags = ("-I",) if self.prefix else ("-I", "-S")
        return (str(self.python), *flags, str(RUNNER), str(descriptor))


OWN: Final = Interpreter(python=Path(sys.executable))


def environment(folder: Path, passed: tuple[str, ...], ours: Mapping[str, str]) -> dict[str, str]:
    """The variables of a script: no key, no database; `passed` are names that an operator adds."""
    named = {*_PASSED, *(name for name in passed if not name.startswith(_REFUSED))}
    given = {name: ours[name] for name in sorted(named) if name in ours}
    place = str(folder)
    return given | {"PATH": "/usr/bin:/bin", "HOME": place, "TMPDIR": place, "PYTHONUTF8": "1"}


def confined(interpreter: Interpreter, script: Path, project: Path, folder: Path) -> object:
    """What a script may see of the machine, for its runner; None where the kernel cannot."""
    if not (sys.platform.startswith("linux") and confinement.version()):
        _log.warning("scripts see all files that the worker does: the kernel has no Landlock")
        return None
    seen = [sys.base_prefix, str(interpreter.prefix or ""), str(project), str(script)]
    read = [*_SYSTEM, str(RUNNER.parent), *filter(None, seen)]
    return {"read": read, "write": [str(folder), "/dev/null"]}


def inherited() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ
