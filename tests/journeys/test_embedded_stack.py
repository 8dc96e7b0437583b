"""The embedded stack as a user meets it: real servers, real crashes, real restarts."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from services.embedded import (
    AlreadyRunning,
    GivenAddresses,
    Report,
    StackOptions,
    find_running,
    running_stack,
)
from services.embedded.data_dir import EPHEMERAL_PREFIX
from services.embedded.ports import LOOPBACK, choose_ports
from services.embedded.postgres_area import area_elsewhere, find_area

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Its parents have mode 0700: under root the Postgres user cannot enter it."""
    data_dir = tmp_path / "data"
    yield data_dir
    if elsewhere := area_elsewhere(data_dir):
        shutil.rmtree(elsewhere.parent)


def options_for(data_dir: Path, *, temporal: bool = False) -> StackOptions:
    return StackOptions(data_dir=data_dir, durable=False, temporal=temporal, usual_ports=False)


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Servers name their folder in the command line, Postgres backends work in it."""
    folders = [str(data_dir), *([str(area)] if (area := area_elsewhere(data_dir)) else [])]
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if process.pid != os.getpid() and any(f in word for word in words for f in folders):
            found.append(process)
    return found


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def postgres_answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def test_a_restart_keeps_data_ports_and_secrets(data_dir: Path) -> None:
    options = StackOptions(data_dir=data_dir, usual_ports=False)
    async with running_stack(options) as stack:
        first = stack.addresses
        connection = await asyncpg.connect(first.postgres_url)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW data_checksums") == "on"
        await connection.close()
        assert first.temporal_address is not None
        client = await Client.connect(first.temporal_address)
        run = await client.start_workflow("Never", id="kept", task_queue="nobody")
        assert find_running(data_dir) == first
        assert stat.S_IMODE((data_dir / "stack.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((data_dir / "state.json").stat().st_mode) == 0o600
    assert find_running(data_dir) is None
    assert not (data_dir / "stack.json").exists()
    assert processes_of(data_dir) == []
    async with running_stack(options) as stack:
        again = stack.addresses
        assert again.postgres_url == first.postgres_url
        assert again.nats_url == first.nats_url
        assert again.temporal_address == first.temporal_address
        connection = await asyncpg.connect(again.postgres_url)
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
        client = await Client.connect(first.temporal_address)
        described = await client.get_workflow_handle("kept").describe()
        assert described.run_id == run.result_run_id


async def test_a_second_stack_on_the_same_directory_is_refused_and_harms_nothing(
    data_dir: Path,
) -> None:
    async with running_stack(options_for(data_dir)) as stack:
        with pytest.raises(AlreadyRunning) as refusal:
            async with running_stack(options_for(data_dir)):
                pass
        message = str(refusal.value)
        assert f"process {os.getpid()}" in message
        port = stack.addresses.postgres_url.split(":")[-1]
        assert f"daybook_admin@{LOOPBACK}:{port}" in message
        assert stack.addresses.postgres_url.split(":")[2].split("@")[0] not in message
        assert await postgres_answers(stack.addresses.postgres_url)
        assert find_running(data_dir) == stack.addresses


async def test_taken_ports_lead_to_free_ones(data_dir: Path) -> None:
    async with running_stack(options_for(data_dir)) as stack:
        first = stack.addresses
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((LOOPBACK, int(first.nats_url.split(":")[-1])))
        squatter.listen()
        async with running_stack(options_for(data_dir)) as stack:
            assert stack.addresses.nats_url != first.nats_url
            assert stack.addresses.postgres_url == first.postgres_url


async def test_a_port_taken_while_we_start_leads_to_another_try(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind((LOOPBACK, 0))
        squatter.listen()
        taken = {"postgres": squatter.getsockname()[1]}

        def choose_late(*arguments: object, **options: object) -> dict[str, int]:
            chosen = choose_ports(*arguments, **options) | taken  # type: ignore[arg-type]  # passed on
            taken.clear()
            return chosen

        monkeypatch.setattr("services.embedded.stack.choose_ports", choose_late)
        async with running_stack(options_for(data_dir)) as stack:
            assert await postgres_answers(stack.addresses.postgres_url)


@pytest.mark.parametrize("name", ["postgres", "nats", "temporal"])
async def test_a_killed_server_comes_back_and_is_reported(
    name: str, data_dir: Path, eventually: Eventually
) -> None:
    reports: list[Report] = []
    options = options_for(data_dir, temporal=name == "temporal")
    async with running_stack(options, reports.append) as stack:
        killed = stack.pids()[name]
        reports.clear()
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: any(r.kind == "ready" for r in reports))
        died = next(report for report in reports if report.kind == "died")
        assert (died.child, died.pid, died.restart_in_seconds) == (name, killed, 0.2)
        assert "SIGKILL" in died.detail
        assert stack.pids()[name] != killed
        assert await postgres_answers(stack.addresses.postgres_url)
    assert processes_of(data_dir) == []


async def test_a_killed_supervisor_leaves_no_process_and_a_usable_directory(
    data_dir: Path, eventually: Eventually
) -> None:
    program = Path(__file__).with_name("stack_process.py")
    stack_process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((".", *sys.path))},
    )
    try:
        assert stack_process.stdout is not None
        pids = [int(word) for word in (await stack_process.stdout.readline()).split()]
    finally:
        stack_process.kill()
        await stack_process.communicate()
    assert len(pids) == 3
    await eventually(lambda: not processes_of(data_dir) and not any(map(is_alive, pids)))
    assert find_running(data_dir) is None
    async with running_stack(options_for(data_dir)) as stack:
        assert await postgres_answers(stack.addresses.postgres_url)


async def test_an_orphaned_postgres_is_ended_before_the_next_start(
    data_dir: Path, eventually: Eventually
) -> None:
    async with running_stack(options_for(data_dir)) as stack:
        postmaster = psutil.Process(stack.pids()["postgres"])
        argv, run_as = postmaster.cmdline(), find_area(data_dir, ephemeral=False).run_as
    orphan = await asyncio.create_subprocess_exec(
        *argv,
        cwd="/",
        user=run_as.uid if run_as else None,
        group=run_as.gid if run_as else None,
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = stack.addresses.postgres_url
    while not await postgres_answers(url):
        assert orphan.returncode is None
    async with running_stack(options_for(data_dir)) as stack:
        await eventually(lambda: orphan.returncode is not None)
        assert await postgres_answers(stack.addresses.postgres_url)


async def test_a_stale_pid_file_that_names_a_living_stranger_hinders_nothing(
    data_dir: Path,
) -> None:
    async with running_stack(options_for(data_dir)):
        area = find_area(data_dir, ephemeral=False)
    stranger = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", "read nothing"),
        stdin=asyncio.subprocess.PIPE,
        user=area.run_as.uid if area.run_as else None,
        cwd="/",
    )
    pid_file = area.path / "data" / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{area.path / 'data'}\n1\n1\n\n\n\n")
    async with running_stack(options_for(data_dir)) as stack:
        assert await postgres_answers(stack.addresses.postgres_url)
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_an_ephemeral_stack_leaves_neither_folder_nor_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = StackOptions(durable=False, temporal=False, usual_ports=False)
    async with running_stack(options) as stack:
        data_dir = stack.data_dir
        elsewhere = area_elsewhere(data_dir)
        assert data_dir.name.startswith(EPHEMERAL_PREFIX)
    assert processes_of(data_dir) == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208, the other way counts as blocking
    assert elsewhere is None or not elsewhere.parent.exists()


async def test_what_is_given_does_not_start(data_dir: Path) -> None:
    given = GivenAddresses(
        postgres_url="postgresql://me@db.example/daybook", temporal_address="temporal.example:7233"
    )
    options = StackOptions(data_dir=data_dir, usual_ports=False, given=given)
    async with running_stack(options) as stack:
        assert list(stack.pids()) == ["nats"]
        assert stack.addresses.postgres_url == given.postgres_url
        assert stack.addresses.temporal_address == given.temporal_address


async def test_a_stopped_start_leaves_no_process(data_dir: Path, eventually: Eventually) -> None:
    async def run() -> None:
        async with running_stack(options_for(data_dir, temporal=True)):
            await asyncio.Event().wait()

    starting = asyncio.create_task(run())
    await eventually(lambda: bool(processes_of(data_dir)))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes_of(data_dir) == []
