"""The folder of the Postgres data: in the data directory, or where an unprivileged user can go.

A place elsewhere is written into `postgres.place` of the data directory, to be found again.
"""

import os
import tempfile
from pathlib import Path

import msgspec

from services.cannot_run import CannotRun
from services.embedded.child import RunAs
from services.embedded.places import lasting_places, passing_places
from services.embedded.unprivileged import (
    USERS,
    NoPlace,
    run_as_user,
    unprivileged_user,
    user_can_enter,
)


class AreaUnusable(CannotRun):
    """The Postgres data is not where it was, or its owner cannot reach it."""


class PostgresArea(msgspec.Struct, frozen=True, kw_only=True):
    """A folder for Postgres alone, and the user who owns it and runs Postgres."""

    path: Path
    run_as: RunAs | None
    """None: ourselves."""


def find_area(data_dir: Path, *, ephemeral: bool) -> PostgresArea:
    """The area of a data directory, made when there is none.

    Raises AreaUnusable rather than begin an empty ledger beside one that has gone astray.
    """
    noted = _place_file(data_dir)
    area = Path(noted.read_text().strip()) if noted.exists() else data_dir / "postgres"
    if area.exists():
        return PostgresArea(path=area, run_as=_owner(area))
    if noted.exists():
        raise AreaUnusable(
            f"{noted} says that the Postgres data lies in {area}: it is gone; bring it"
            " back, or begin anew in another --data-dir"
        )
    run_as = unprivileged_user()
    made = _made(area, run_as) or _made_elsewhere(data_dir, run_as, ephemeral=ephemeral)
    return PostgresArea(path=made, run_as=run_as)


def area_elsewhere(data_dir: Path) -> Path | None:
    """The area when it is outside the data directory: who removes the one removes the other."""
    noted = _place_file(data_dir)
    return Path(noted.read_text().strip()) if noted.exists() else None


def _made(area: Path, run_as: RunAs | None) -> Path | None:
    area.mkdir(mode=0o700)
    if run_as is None:
        return area
    os.chown(area, run_as.uid, run_as.gid)
    if user_can_enter(run_as, area):
        return area
    area.rmdir()
    return None


def _made_elsewhere(data_dir: Path, run_as: RunAs | None, *, ephemeral: bool) -> Path:
    places = passing_places() if ephemeral else lasting_places()
    for place in places:
        parent = Path(tempfile.mkdtemp(prefix="daybook-postgres-data-", dir=place))
        parent.chmod(0o711)  # ours and new; a traveller sees nothing but the area it knows
        if area := _made(parent / "postgres", run_as):
            _place_file(data_dir).write_text(f"{area}\n")
            return area
        parent.rmdir()
    tried = ", ".join(map(str, places)) or "none"
    raise NoPlace(
        f"{run_as.name if run_as else 'nobody'} can keep Postgres data neither in {data_dir} nor"
        f" elsewhere (tried {tried}): give a --data-dir that all users may enter"
    )


def _owner(area: Path) -> RunAs | None:
    """Root runs Postgres as whoever owns the data already; anybody else must own it."""
    uid = area.lstat().st_uid
    us = os.geteuid()
    if us != 0 and uid != us:
        raise AreaUnusable(f"{area} belongs to user {uid}, and we are {us}: run as that user")
    if us != 0:
        return None
    run_as = run_as_user(uid)
    if uid == 0 or not user_can_enter(run_as, area):
        raise AreaUnusable(
            f"{run_as.name}, who owns {area}, cannot run Postgres there: let somebody else own it"
            f" ({', '.join(USERS)}) who may enter all folders above it"
        )
    return run_as


def _place_file(data_dir: Path) -> Path:
    return data_dir / "postgres.place"
