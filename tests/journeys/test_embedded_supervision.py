"""The supervisor over small programs that misbehave on purpose."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from services.embedded import Child, ChildNotReady, Report
from services.embedded.child_log import OLD_FILES_MAX, ChildLog
from services.embedded.supervisor import Supervisor

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
WAIT = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]);"


@pytest.fixture
async def supervision(tmp_path: Path) -> AsyncIterator[tuple[Supervisor, list[Report]]]:
    reports: list[Report] = []
    supervisor = Supervisor(tmp_path, reports.append)
    yield supervisor, reports
    await supervisor.stop()


def python(name: str, program: str, *arguments: str, **options: object) -> Child:
    argv = (sys.executable, "-I", "-S", "-c", program, *arguments)
    return Child(name=name, argv=argv, **options)  # type: ignore[arg-type]  # Child checks them


def kinds(reports: list[Report], kind: str) -> list[str]:
    return [report.child for report in reports if report.kind == kind]


async def test_a_child_that_exits_at_once_is_refused_with_its_last_words(
    supervision: tuple[Supervisor, list[Report]],
) -> None:
    supervisor, _ = supervision

    async def never() -> bool:
        return False

    child = python("broken", "import sys; sys.exit('no such table')", ready=never)
    with pytest.raises(ChildNotReady, match=r"broken exited with 1\n  no such table"):
        await supervisor.start(child)


async def test_a_child_that_never_gets_ready_is_ended_after_its_deadline(
    supervision: tuple[Supervisor, list[Report]],
) -> None:
    supervisor, reports = supervision

    async def never() -> bool:
        return False

    with pytest.raises(ChildNotReady, match="slow not ready in 0 s"):
        await supervisor.start(python("slow", WAIT, ready=never, ready_seconds_max=0.2))
    await supervisor.stop()
    assert kinds(reports, "stopped") == ["slow"]


async def test_a_child_that_ignores_the_stop_signal_is_killed_after_the_grace(
    supervision: tuple[Supervisor, list[Report]], tmp_path: Path
) -> None:
    supervisor, reports = supervision
    log = tmp_path / "logs" / "deaf.log"

    async def says_so() -> bool:
        return log.exists() and b"deaf" in log.read_bytes()

    await supervisor.start(python("deaf", DEAF + WAIT, ready=says_so, stop_seconds_max=0.2))
    pid = supervisor.pids()["deaf"]
    await supervisor.stop()
    assert kinds(reports, "killed") == ["deaf"]
    assert not psutil.pid_exists(pid)


async def test_what_a_child_leaves_behind_ends_with_it(
    supervision: tuple[Supervisor, list[Report]], eventually: Eventually
) -> None:
    supervisor, _ = supervision
    await supervisor.start(python("parent", PARENT + WAIT, DEAF + WAIT))
    parent = psutil.Process(supervisor.pids()["parent"])
    await eventually(lambda: bool(parent.children()))
    [grandchild] = parent.children()
    await supervisor.stop()
    await eventually(
        lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    )


async def test_a_child_that_keeps_dying_waits_longer_each_time(
    supervision: tuple[Supervisor, list[Report]], eventually: Eventually
) -> None:
    supervisor, reports = supervision
    await supervisor.start(python("flaky", "print('dying')"))
    await eventually(lambda: len(kinds(reports, "died")) >= 3)
    died = [report for report in reports if report.kind == "died"]
    assert [report.restart_in_seconds for report in died[:3]] == [0.2, 0.4, 0.8]
    assert all(report.detail == "exited with 0" for report in died)


async def test_stages_stop_in_the_opposite_order(
    supervision: tuple[Supervisor, list[Report]],
) -> None:
    supervisor, reports = supervision
    for name in ("first", "second", "third"):
        await supervisor.start(python(name, WAIT))
    await supervisor.stop()
    assert kinds(reports, "stopped") == ["third", "second", "first"]
    assert supervisor.pids() == {}


async def test_a_listener_that_fails_does_not_end_a_child(tmp_path: Path) -> None:
    def fails(report: Report) -> None:
        raise RuntimeError(report.kind)

    supervisor = Supervisor(tmp_path, fails)
    await supervisor.start(python("child", WAIT))
    assert "child" in supervisor.pids()
    await supervisor.stop()


@pytest.mark.parametrize(("began_shift", "ended"), [(0, True), (-100, False)])
async def test_an_orphan_is_ended_and_a_stranger_with_its_number_is_not(
    began_shift: int, ended: bool, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", WAIT)
    began = psutil.Process(process.pid).create_time() + began_shift
    orphan = {"pid": process.pid, "began": began, "death_signal": signal.SIGKILL}
    (tmp_path / "children.json").write_text(json.dumps({"orphan": orphan}))
    await asyncio.to_thread(Supervisor(tmp_path).end_orphans)
    assert (process.returncode is not None) is ended
    if not ended:
        process.kill()
    await process.wait()


async def test_logs_are_cut_into_files_of_bounded_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr("services.embedded.child_log.FILE_BYTES_MAX", 1000)
    supervisor = Supervisor(tmp_path)
    lines = "import sys\nfor n in range(20_000): print('line', n)\nprint('last', flush=True)\n"
    await supervisor.start(python("chatty", lines + WAIT))
    logs = tmp_path / "logs"
    await eventually(lambda: any("last" in log.read_text() for log in logs.glob("chatty.log*")))
    await supervisor.stop()
    assert len(list(logs.iterdir())) <= OLD_FILES_MAX + 1


async def test_a_log_that_cannot_be_written_does_not_block_the_child(
    tmp_path: Path, eventually: Eventually
) -> None:
    log = ChildLog(tmp_path / "missing" / "child.log")
    await log.open()
    program = "print('x' * 200_000); print('done')"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", program), stdout=log.write_end
    )
    assert await child.wait() == 0
    await eventually(lambda: log.tail[-1:] == ("done",))
    await log.close()
