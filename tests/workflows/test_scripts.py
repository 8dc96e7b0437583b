"""Scripts in processes of their own: what they give, and every way in which they can fail."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.workflows.isolation import OWN
from services.workflows.printed import PRINTED_BYTES_MAX
from services.workflows.script import keeper
from services.workflows.scripts import (
    CallRefused,
    Ended,
    Failed,
    Job,
    Running,
    Succeeded,
    run_script,
)
from tests.fixtures.waiting import until

RUNNING = Running(
    tenant="demo",
    organization_id="org1",
    workflow_run_id="wfr_1",
    workflow="prebill",
    activity="check",
    commit="c0ffee",
    attempt=1,
)
Play = Callable[..., Any]


async def answer(name: str, arguments: dict[str, Any]) -> Any:
    """Answers what it was asked, or refuses it."""
    if name == "refuse":
        raise CallRefused("NOT_FOUND", "there is no such thing")
    return [name, arguments]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    async def run(text: str, params: dict[str, Any] | None = None, **fields: Any) -> Ended:
        project = tmp_path / "project"
        script = project / "activities" / "a.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(text)
        (project / "shared.py").write_text("SHARED = 'of the project'\n")
        job = Job(
            **{
                "interpreter": OWN,
                "script": script,
                "project": project,
                "params": params or {},
                "running": RUNNING,
                "timeout_seconds": 20,
                **fields,
            }
        )
        return await run_script(job, answer)

    return run


async def failed(play: Play, text: str, **fields: Any) -> Failed:
    ended = await play(text, **fields)
    assert isinstance(ended, Failed), ended
    return ended


async def test_what_main_returns_is_the_output(play: Play) -> None:
    text = "from shared import SHARED\ndef main(params):\n    return [params, SHARED, 0.5, None]\n"
    assert await play(text, {"a": [1]}) == Succeeded(
        output=[{"a": [1]}, "of the project", 0.5, None]
    )


async def test_main_may_be_async_and_knows_its_tenant_by_a_context_variable(play: Play) -> None:
    text = (
        "import asyncio, daybook_activity\n"
        "async def main(params):\n"
        "    await asyncio.sleep(0)\n"
        "    found = await asyncio.to_thread(daybook_activity.current)\n"
        "    return [found.tenant, found.organization_id, found.activity]\n"
    )
    assert await play(text) == Succeeded(output=["demo", "org1", "check"])


async def test_a_script_asks_daybook_and_is_answered_or_refused(play: Play) -> None:
    text = (
        "from daybook_activity import call, Refused\n"
        "def main(params):\n"
        "    try:\n"
        "        call('refuse')\n"
        "    except Refused as refused:\n"
        "        return [call('fhir/read', type='Patient'), refused.code]\n"
    )
    assert await play(text) == Succeeded(output=[["fhir/read", {"type": "Patient"}], "NOT_FOUND"])
    unhandled = await failed(
        play, "from daybook_activity import call\nmain = lambda p: call('refuse')"
    )
    assert (unhandled.code, unhandled.retryable) == ("NOT_FOUND", False)


async def test_a_script_that_raises_fails_with_its_traceback(play: Play) -> None:
    ended = await failed(play, "def main(params):\n    return 1 / 0\n")
    assert (ended.code, ended.retryable) == ("SCRIPT_FAILED", True)
    assert "ZeroDivisionError" in ended.detail
    assert 'a.py", line 2, in main' in ended.detail
    assert "daybook_activity.py" not in ended.detail


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys\ndef main(params):\n    sys.exit(3)", "SCRIPT_EXITED", "sys.exit"),
        ("import os\ndef main(params):\n    os._exit(3)", "SCRIPT_EXITED", "exit code 3"),
        (
            "import os\ndef main(p):\n    print('x', flush=True); os.kill(os.getpid(), 9)",
            "SCRIPT_EXITED",
            "SIGKILL); printed:\nx",
        ),
        ("def main(params:", "SCRIPT_FAILED", "SyntaxError"),
        ("import nowhere", "SCRIPT_FAILED", "ModuleNotFoundError"),
        ("main = 5", "SCRIPT_FAILED", "exports no main"),
        ("def other(): pass", "SCRIPT_FAILED", "exports no main"),
        ("def main(params):\n    return {1, 2}", "OUTPUT_NOT_JSON", "set"),
        ("def main(params):\n    return float('nan')", "OUTPUT_NOT_JSON", "JSON"),
        ("def main(params):\n    a = []; a.append(a); return a", "OUTPUT_NOT_JSON", "Circular"),
        ("def main(params):\n    return 'x' * 300_000", "OUTPUT_TOO_LARGE", "262144 at most"),
        ("def main(params):\n    return bytearray(2 * 1024**3)[0]", "SCRIPT_OUT_OF_MEMORY", ""),
        (
            "import daybook_activity\ndef main(params):\n"
            "    raise daybook_activity.NonRetryable('never')",
            "SCRIPT_FAILED",
            "never",
        ),
        (
            "def main(params):\n    for _ in range(2000):\n        print('x' * 1000)",
            "SCRIPT_PRINTED_TOO_MUCH",
            f"{PRINTED_BYTES_MAX}",
        ),
        (
            "import daybook_activity as d\ndef main(params):\n"
            "    d._line.get()._socket.sendall(b'nonsense\\n')\n    return 1",
            "SCRIPT_BROKE_PROTOCOL",
            "",
        ),
        (
            "import daybook_activity as d\ndef main(params):\n"
            "    d._line.get()._socket.sendall(b'x' * 9_000_000)\n    return 1",
            "SCRIPT_BROKE_PROTOCOL",
            "",
        ),
        (
            "import daybook_activity as d\ndef main(params):\n"
            "    d._line.get().token = 'of another'\n    return d.call('x')",
            "SCRIPT_BROKE_PROTOCOL",
            "token",
        ),
    ],
)
async def test_every_other_end_is_a_failure_that_says_what_it_was(
    play: Play, text: str, code: str, said: str
) -> None:
    ended = await failed(play, text)
    assert ended.code == code, ended
    assert said in ended.detail


async def test_a_script_that_hangs_is_ended_with_all_that_it_started(play: Play) -> None:
    mark = secrets.token_hex(8)
    text = (
        "import subprocess, time\ndef main(params):\n"
        f"    subprocess.Popen(['/bin/sh', '-c', 'sleep 600; : {mark}'])\n"
        "    print('still here', flush=True)\n"
        "    time.sleep(600)\n"
    )
    ended = await failed(play, text, timeout_seconds=1)
    assert ended.code == "SCRIPT_TIMED_OUT"
    assert "after 1 s" in ended.detail

    await until(lambda: gone(mark))


async def gone(mark: str) -> bool:
    found = psutil.process_iter(["cmdline"])
    return not any(mark in " ".join(each.info["cmdline"] or ()) for each in found)


@pytest.mark.parametrize("ends", ["return 'done'", "os._exit(3)", "os.kill(os.getpid(), 9)"])
async def test_a_daemon_that_a_script_leaves_behind_is_ended_with_it(play: Play, ends: str) -> None:
    mark = secrets.token_hex(8)
    text = (
        "import os, subprocess\n"
        "def main(params):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        f"        subprocess.Popen(['/bin/sh', '-c', 'sleep 600; : {mark}'],\n"
        "                         start_new_session=True, env={})\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        f"    {ends}\n"
    )
    ended = await play(text)
    assert isinstance(ended, Succeeded) is (ends == "return 'done'")
    assert await gone(mark)


async def test_a_worker_that_is_killed_takes_its_scripts_and_their_folders_along(
    tmp_path: Path,
) -> None:
    folder = tmp_path / f"{keeper.FOLDER_PREFIX}x"
    folder.mkdir()
    (folder / "written").touch()
    mark = secrets.token_hex(8)
    keeper_of_one = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1], str(os.getpid()),\n"
        f"                  '/bin/sh', '-c', 'sleep 600; : {mark}'])\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", keeper_of_one, keeper.__file__),
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    assert worker.stdout is not None
    await worker.stdout.readline()

    async def is_there() -> bool:
        return not await gone(mark)

    await until(is_there)
    worker.kill()
    await worker.wait()
    await until(lambda: gone(mark))

    async def is_removed() -> bool:
        return not await asyncio.to_thread(folder.exists)

    await until(is_removed)


async def test_a_script_has_neither_our_variables_nor_our_files(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the key")
    monkeypatch.setenv("DAYBOOK_LINK_KEYS", "the key")
    monkeypatch.setenv("PGPASSWORD", "the key")
    monkeypatch.setenv("CLINIC", "north")
    text = (
        "import os\n"
        "def reads(path):\n"
        "    try:\n"
        "        with open(path) as opened: return opened.read()\n"
        "    except OSError as wrong: return type(wrong).__name__\n"
        "def main(params):\n"
        "    open('mine', 'w').write('x')\n"
        "    environ = f'/proc/{os.getppid()}/environ'\n"
        "    return [sorted(os.environ), reads(params['secret']), reads(environ), os.getcwd(),\n"
        "            os.listdir('.')]\n"
    )
    ended = await play(
        text, {"secret": str(secret)}, passed=("CLINIC", "PGPASSWORD", "DAYBOOK_LINK_KEYS")
    )
    assert isinstance(ended, Succeeded), ended
    variables, secret_read, environ_read, folder, files = ended.output
    assert (
        {"CLINIC", "HOME", "PATH"}
        <= {*variables}
        <= {*("CLINIC", "HOME", "PATH", "PYTHONUTF8", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ")}
    )
    assert (secret_read, environ_read) == ("PermissionError", "PermissionError")
    assert files == ["mine"]
    assert not await asyncio.to_thread(Path(folder).exists)


async def test_a_script_changes_neither_its_project_nor_its_worker(play: Play) -> None:
    text = (
        "import os\n"
        "def tried(what):\n"
        "    try: what()\n"
        "    except OSError as wrong: return type(wrong).__name__\n"
        "    return 'done'\n"
        "def main(params):\n"
        "    return [tried(lambda: open(__file__, 'w')),\n"
        "            tried(lambda: os.kill(os.getppid(), 0)),\n"
        "            tried(lambda: os.symlink('/etc', os.path.dirname(__file__) + '/etc'))]\n"
    )
    assert await play(text) == Succeeded(output=["PermissionError"] * 3)


async def test_what_a_script_is_still_doing_after_its_end_is_nobodys(play: Play) -> None:
    text = (
        "import threading, time\ndef main(params):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "    return 'done'\n"
    )
    async with asyncio.timeout(15):
        assert await play(text) == Succeeded(output="done")


async def test_a_script_that_is_cancelled_is_ended(play: Play) -> None:
    mark = f"cancelled-{secrets.token_hex(8)}"
    text = f"import time\ndef main(params):\n    open({mark!r}, 'w'); time.sleep(600)\n"
    before = {each.pid for each in psutil.Process(os.getpid()).children(recursive=True)}
    running = asyncio.ensure_future(play(text))

    def ours() -> set[int]:
        found = psutil.Process(os.getpid()).children(recursive=True)
        return {each.pid for each in found} - before

    async def is_started() -> bool:
        return bool(ours())

    await until(is_started)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ours() == set()
