"""The user that Postgres runs as when we are root, and what that user can reach.

Reach is found out by trying as that user, not by reading mode bits: access lists, read-only and
noexec mounts count too.
"""

import os
import pwd
import stat
import subprocess
from pathlib import Path

from services.cannot_run import CannotRun
from services.embedded.child import RunAs

USERS = ("postgres", "nobody")


class NoUnprivilegedUser(CannotRun):
    """Root has nobody to run Postgres as; Postgres refuses to run as root."""


class NoPlace(CannotRun):
    """No folder that both we and the unprivileged user can use."""


def unprivileged_user() -> RunAs | None:
    """Somebody else when we are root, else None: we run everything as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        try:
            return run_as_user(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise NoUnprivilegedUser(
        f"Postgres does not run as root and there is no user {' or '.join(USERS)}: make one, or"
        " do not run as root"
    )


def run_as_user(uid: int) -> RunAs:
    """The user with this number; KeyError when there is none."""
    entry = pwd.getpwuid(uid)
    return RunAs(name=entry.pw_name, uid=uid, gid=entry.pw_gid)


def user_can_run(run_as: RunAs, program: Path) -> bool:
    """Whether the user can start the program with its libraries."""
    return _succeeds_as(run_as, str(program), "--version")


def user_can_enter(run_as: RunAs, folder: Path) -> bool:
    """Whether the user can write in the folder, below everything above it."""
    check = 'test -x "$1" && test -w "$1"'
    return _succeeds_as(run_as, "/bin/sh", "-c", check, "sh", str(folder))


def owned_by_us(folder: Path) -> bool:
    """A real folder that we made and nobody else can write in."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable_by_others


def _succeeds_as(run_as: RunAs, *argv: str) -> bool:
    other = run_as.uid != os.geteuid()
    try:
        finished = subprocess.run(
            argv,
            user=run_as.uid if other else None,
            group=run_as.gid if other else None,
            extra_groups=[] if other else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return finished.returncode == 0
