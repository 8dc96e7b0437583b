"""The embedded Postgres server: initialised with a password, tuned for a ledger, on loopback."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from services.cannot_run import CannotRun
from services.embedded.child import Child, RunAs, leashed
from services.embedded.ports import LOOPBACK
from services.embedded.postgres_area import PostgresArea
from services.embedded.postgres_stale import clear_stale
from services.embedded.probes import answers_sql
from services.embedded.programs import bare_environment, postgres_programs
from services.embedded.state import State

SUPERUSER = "daybook_admin"
DATABASE = "daybook"
MAJOR_VERSION = "18"
SOCKET_PATH_BYTES_MAX = 100  # the system's limit is 104 to 108
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_locks_per_transaction": "256",  # a batch claims hundreds of keys by advisory lock
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
DURABLE: Mapping[str, str] = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# In memory, perhaps, where the log would take room from everything else.
FOR_TESTS: Mapping[str, str] = {**dict.fromkeys(DURABLE, "off"), "max_wal_size": "256MB"}


class DataOfOtherVersion(CannotRun):
    """The data directory was made by another major version of Postgres."""


def postgres_child(area: PostgresArea, state: State, *, durable: bool) -> Child:
    """The server as a supervised child; it is initialised before its first start."""
    programs = postgres_programs(area.run_as)
    data = area.path / "data"

    async def prepare() -> None:
        await asyncio.to_thread(clear_stale, data)
        await asyncio.to_thread(_initialise, programs, area, state, durable=durable)

    return Child(
        name="postgres",
        argv=(
            str(programs / "postgres"),
            f"-D{data}",
            *_options(area.path, state, durable=durable),
        ),
        env=bare_environment(area.path),
        run_as=area.run_as,
        prepare=prepare,
        ready=lambda: answers_sql(postgres_url(state, "postgres")),
        stop_signal=signal.SIGINT,  # fast: sessions end, then a checkpoint
        stop_seconds_max=30,
        death_signal=signal.SIGQUIT,  # immediate, with every backend; the log replays at the start
    )


def postgres_url(state: State, database: str = DATABASE) -> str:
    """The superuser's address."""
    where = f"{LOOPBACK}:{state.ports['postgres']}"
    return f"postgresql://{SUPERUSER}:{state.postgres_password}@{where}/{database}"


async def create_database(state: State) -> None:
    """Create the database unless it is there."""
    connection = await asyncpg.connect(postgres_url(state, "postgres"))
    try:
        query = "SELECT FROM pg_database WHERE datname = $1"
        if not await connection.fetch(query, DATABASE):
            await connection.execute("CREATE DATABASE daybook")
    finally:
        await connection.close()


def _options(area: Path, state: State, *, durable: bool) -> list[str]:
    """Settings as arguments: no file of root's making in a folder that another user owns."""
    socket = area / f".s.PGSQL.{state.ports['postgres']}"
    fits = len(os.fsencode(socket)) <= SOCKET_PATH_BYTES_MAX
    settings = {
        **SETTINGS,
        **(DURABLE if durable else FOR_TESTS),
        "port": str(state.ports["postgres"]),
        "unix_socket_directories": str(area) if fits else "",
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _initialise(programs: Path, area: PostgresArea, state: State, *, durable: bool) -> None:
    data = area.path / "data"
    if data.exists():
        found = (data / "PG_VERSION").read_text().strip()
        if found != MAJOR_VERSION:
            raise DataOfOtherVersion(
                f"{data} is of Postgres {found}, not {MAJOR_VERSION}: run the release that made"
                " it, or begin anew in another --data-dir"
            )
        return
    making = area.path / "data.making"
    if making.exists():  # an initialisation that was cut short
        shutil.rmtree(making)
    password_file = _write_password(area, state.postgres_password)
    try:
        _initdb(programs, making, password_file, area.run_as, durable=durable)
    finally:
        password_file.unlink()
    making.rename(data)


def _write_password(area: PostgresArea, password: str) -> Path:
    path = area.path / "password"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(password)
        if area.run_as:
            os.fchown(handle, area.run_as.uid, area.run_as.gid)
    return path


class InitialisationFailed(CannotRun):
    """`initdb` refused."""


def _initdb(
    programs: Path, data: Path, password_file: Path, run_as: RunAs | None, *, durable: bool
) -> None:
    initdb = (
        *(str(programs / "initdb"), f"--pgdata={data}", f"--username={SUPERUSER}"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    )
    finished = subprocess.run(
        leashed(initdb, run_as, signal.SIGKILL),
        env=bare_environment(data.parent),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        said = "; ".join(finished.stderr.split("\n")).strip("; ")
        raise InitialisationFailed(
            f"initdb cannot make the Postgres data in {data.parent} ({said or 'no word why'}):"
            " mend that, or give another --data-dir"
        )
