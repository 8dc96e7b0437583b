"""Where programs and data go when the user who runs Postgres cannot enter where they are.

Under root that user is another one, otherwise ourselves; each claim holds for both.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.embedded import StackOptions, running_stack
from services.embedded.child import RunAs
from services.embedded.data_dir import (
    ABANDONED_SECONDS_MIN,
    make_ephemeral_dir,
    remove_abandoned_dirs,
)
from services.embedded.lock import Lock
from services.embedded.postgres_area import AreaUnusable, area_elsewhere, find_area
from services.embedded.programs import (
    LIBRARIES,
    PROGRAMS,
    copied_programs,
    installed_site,
    postgres_programs,
)
from services.embedded.unprivileged import run_as_user, unprivileged_user, user_can_run


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody can enter, first among the lasting and the temporary ones."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    (place / "lasting").mkdir(mode=0o755)
    monkeypatch.setattr("services.embedded.places.LASTING", place / "lasting")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def run_as() -> RunAs:
    return unprivileged_user() or run_as_user(os.geteuid())


@pytest.fixture
def closed_site(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation in a folder that only its owner can enter, made under umask 077."""
    site = place / "site"
    for tree in (PROGRAMS, LIBRARIES):
        shutil.copytree(
            installed_site() / tree, site / tree, ignore=shutil.ignore_patterns("include")
        )
    for path in (site, *site.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.setattr("services.embedded.programs.installed_site", lambda: site)
    return site


def test_programs_are_copied_when_their_user_cannot_enter(closed_site: Path, run_as: RunAs) -> None:
    bin_dir = postgres_programs(unprivileged_user())
    assert bin_dir.is_relative_to(closed_site) is (os.geteuid() != 0)
    assert user_can_run(run_as, bin_dir / "postgres")
    assert user_can_run(run_as, bin_dir / "initdb")
    assert stat.S_IMODE(closed_site.stat().st_mode) == 0o700


async def test_a_stack_runs_when_programs_and_data_lie_in_closed_folders(
    closed_site: Path, place: Path
) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "data"
    options = StackOptions(data_dir=data_dir, durable=False, temporal=False, usual_ports=False)
    async with running_stack(options) as stack:
        connection = await asyncpg.connect(stack.addresses.postgres_url)
        assert await connection.fetchval("SELECT current_user") == "daybook_admin"
        await connection.close()
    elsewhere = area_elsewhere(data_dir)
    assert (elsewhere is not None) is (os.geteuid() == 0)
    assert elsewhere is None or elsewhere.is_relative_to(place / "lasting")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_copy_is_made_once(closed_site: Path, place: Path, run_as: RunAs) -> None:
    first = copied_programs(closed_site, run_as)
    assert first.is_relative_to(place / "lasting")
    assert copied_programs(closed_site, run_as) == first
    assert len(list((place / "lasting").iterdir())) == 1


def test_a_folder_that_others_can_write_is_never_taken_for_our_copy(
    closed_site: Path, run_as: RunAs
) -> None:
    first = copied_programs(closed_site, run_as)
    first.parents[2].chmod(0o777)
    second = copied_programs(closed_site, run_as)
    assert second != first
    second.parents[2].rename(second.parents[2].with_name("away"))
    second.parents[2].symlink_to(second.parents[2].with_name("away"))
    assert copied_programs(closed_site, run_as) not in {first, second}


def test_an_incomplete_copy_is_not_run(closed_site: Path, run_as: RunAs) -> None:
    first = copied_programs(closed_site, run_as)
    (first.parent / "share" / "postgresql.conf.sample").unlink(missing_ok=True)
    next((first.parent / "lib").glob("*.so")).unlink()
    assert copied_programs(closed_site, run_as) != first


async def test_data_lies_in_the_data_directory_when_its_user_can_enter(place: Path) -> None:
    data_dir = place / "data"
    options = StackOptions(data_dir=data_dir, durable=False, temporal=False, usual_ports=False)
    async with running_stack(options):
        assert area_elsewhere(data_dir) is None
        assert (data_dir / "postgres" / "data" / "PG_VERSION").exists()
        secrets = [data_dir / "state.json", data_dir / "stack.json", data_dir / "nats/nats.conf"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600] * 3


def test_data_that_went_astray_is_not_replaced_by_an_empty_ledger(place: Path) -> None:
    (place / "postgres.place").write_text(f"{place / 'gone' / 'postgres'}\n")
    with pytest.raises(AreaUnusable, match="it is gone"):
        find_area(place, ephemeral=False)


async def test_an_abandoned_ephemeral_folder_is_removed_and_a_running_one_is_not(
    place: Path,
) -> None:
    abandoned, running, young = (make_ephemeral_dir() for _ in range(3))
    long_ago = time.time() - 2 * ABANDONED_SECONDS_MIN
    for data_dir in (abandoned, running, young):
        (data_dir / "daybook.lock").touch()
    lock = await Lock(running / "daybook.lock").acquire()
    for data_dir in (abandoned, running):
        os.utime(data_dir / "daybook.lock", (long_ago, long_ago))
    remove_abandoned_dirs()
    assert [path.exists() for path in (abandoned, running, young)] == [False, True, True]
    lock.release()
