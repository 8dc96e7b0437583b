"""A script runs in a process of its own: told what to do over a socket, held to its limits, ended.

Whatever it does (hang, exit, print, fork, answer nonsense) is an outcome; nothing of it is raised.
"""

import asyncio
import hmac
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.plan_walk import OUTPUT_BYTES_MAX
from services.workflows.isolation import Interpreter, confined, environment, inherited
from services.workflows.printed import PRINTED_BYTES_MAX, Printed
from services.workflows.script import keeper

MEMORY_BYTES_MAX: Final = 512 * 1024 * 1024
_LINE_BYTES_MAX: Final = 2 * 1024 * 1024
_CALLS_MAX: Final = 1_000
_END_SECONDS_MAX: Final = 10


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Whose run it is of which workflow, and which activity; what a script may know of itself."""

    tenant: str
    organization_id: str | None
    workflow_run_id: str
    workflow: str
    activity: str
    commit: str
    attempt: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A script to be run, with what it runs in."""

    interpreter: Interpreter
    script: Path
    project: Path
    params: dict[str, Any]
    running: Running
    timeout_seconds: int
    memory_bytes: int = MEMORY_BYTES_MAX
    passed: tuple[str, ...] = ()


class Succeeded(msgspec.Struct, frozen=True, kw_only=True, tag="succeeded"):
    """What `main` returned."""

    output: Any


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Why there is no output; `detail` has the traceback where there is one."""

    code: str
    detail: str
    retryable: bool = True


Ended = Succeeded | Failed


class CallRefused(Exception):
    """What a script asked for is refused."""

    def __init__(self, code: str, detail: str, *, transient: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.transient = transient


Answer = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Does what a script asks for, by name and arguments; raises CallRefused."""


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a script's process: a question, or its end."""

    token: str
    call: str | None = None
    arguments: dict[str, Any] = {}
    output: Any = None
    failed: Failed | None = None


_decode: Final = msgspec.json.Decoder(_Said).decode
_encode: Final = msgspec.json.Encoder().encode


async def run_script(job: Job, answer: Answer) -> Ended:
    """Run a script to its end; what it prints goes nowhere but into a failure."""
    folder = await asyncio.to_thread(_new_folder)
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_BYTES_MAX)
    try:
        with theirs:
            process = await _start(job, folder, theirs.fileno())
        return await _ended(job, folder, process, reader, writer, answer)
    finally:
        writer.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix=keeper.FOLDER_PREFIX)).resolve()


async def _start(job: Job, folder: Path, descriptor: int) -> asyncio.subprocess.Process:
    # The keeper ends the script with its worker, and all that it started with the script.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", keeper.__file__, str(os.getpid())),
        *job.interpreter.command(descriptor),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(descriptor,),
        cwd=folder,
        env=environment(folder, job.passed, inherited()),
        start_new_session=True,
    )


async def _ended(
    job: Job,
    folder: Path,
    process: asyncio.subprocess.Process,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
) -> Ended:
    prints = Printed(process)
    talking = asyncio.ensure_future(_talk(job, folder, reader, writer, answer))
    try:
        async with asyncio.timeout(job.timeout_seconds):
            await asyncio.wait((talking, prints.too_much), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        return Failed(
            code="SCRIPT_TIMED_OUT",
            detail=f"it had not ended after {job.timeout_seconds} s{prints.shown()}",
        )
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        await _end(process)
        await prints.close()
    if talking.cancelled():
        return Failed(
            code="SCRIPT_PRINTED_TOO_MUCH",
            detail=f"it printed more than {PRINTED_BYTES_MAX} bytes{prints.shown()}",
            retryable=False,
        )
    ended = talking.result()
    return ended if ended is not None else _died(process, prints)


def _died(process: asyncio.subprocess.Process, prints: Printed) -> Failed:
    code = process.returncode or 0
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Failed(code="SCRIPT_EXITED", detail=f"its process ended ({how}){prints.shown()}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and all that it started, after a moment in which it may end by itself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await process.wait()
    for end in (process.terminate, process.kill):
        with suppress(ProcessLookupError):
            end()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS_MAX):
                await process.wait()
                return


async def _talk(
    job: Job,
    folder: Path,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
) -> Ended | None:
    """Tell the script what to do and answer it; None when it is gone without a word."""
    token = secrets.token_hex(16)
    try:
        writer.write(_told(job, folder, token))
        await writer.drain()
        for _ in range(_CALLS_MAX):
            line = await reader.readline()
            if not line.endswith(b"\n"):
                return None
            said = _decode(line)
            if not hmac.compare_digest(said.token, token):
                return _nonsense("it does not bear its token")
            if said.call is None:
                return said.failed or Succeeded(output=said.output)
            writer.write(_encode(await _answered(answer, said)) + b"\n")
            await writer.drain()
    except ConnectionError:
        return None
    except (ValueError, RecursionError) as wrong:  # msgspec's errors, and a line that is too long
        return _nonsense(str(wrong))
    return _nonsense(f"it asked more than {_CALLS_MAX} times")


def _nonsense(detail: str) -> Failed:
    return Failed(code="SCRIPT_BROKE_PROTOCOL", detail=detail, retryable=False)


def _told(job: Job, folder: Path, token: str) -> bytes:
    told = {
        "token": token,
        "running": job.running,
        "script": str(job.script),
        "project": str(job.project),
        "params": job.params,
        "confinement": confined(job.interpreter, job.script, job.project, folder),
        "memory_bytes": job.memory_bytes,
        "cpu_seconds": job.timeout_seconds + 1,
        "output_bytes_max": OUTPUT_BYTES_MAX,
    }
    return _encode(told) + b"\n"


async def _answered(answer: Answer, said: _Said) -> dict[str, Any]:
    try:
        return {"answer": await answer(said.call or "", said.arguments)}
    except CallRefused as refused:
        about = {"code": refused.code, "detail": refused.detail, "transient": refused.transient}
        return {"refused": about}
