"""What a script of a configured workflow is run by, and what it may import.

Run as a file, `python -I daybook_activity.py FD`, in a process of its own for each activity; so it
imports the standard library alone.
"""

import asyncio
import inspect
import json
import os
import queue
import resource
import socket
import sys
import threading
import traceback
from contextvars import ContextVar
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":  # scripts that import it by its name get this module
    sys.modules["daybook_activity"] = sys.modules["__main__"]
    sys.path.append(str(Path(__file__).parent))

TRACEBACK_LETTERS_MAX = 8_000
FILE_BYTES_MAX = 64 * 1024 * 1024
FILES_MAX = 256
_ORPHANED = 70


class Running(NamedTuple):
    """Whose run this is of which workflow, and which activity."""

    tenant: str
    organization_id: str | None
    workflow_run_id: str
    workflow: str
    activity: str
    commit: str
    attempt: int


class NonRetryable(Exception):
    """Raised by a script: it is not to be run again, whatever its `retry` says."""


class Refused(Exception):
    """What a script asked Daybook for is refused; `code` is stable, `transient` may hold later."""

    def __init__(self, code: str, detail: str, transient: bool) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.transient = transient


class _Line:
    """The connection to the worker: a line of JSON a message."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")
        self._asking = threading.Lock()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def start(self) -> dict[str, Any]:
        """What this process is to do; from now on it ends with the worker."""
        told: dict[str, Any] = json.loads(self._reader.readline())
        self.token = told["token"]
        threading.Thread(target=self._listen, daemon=True).start()
        return told

    def say(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message, allow_nan=False).encode() + b"\n")

    def ask(self, name: str, arguments: dict[str, Any]) -> Any:
        with self._asking:
            self.say({"token": self.token, "call": name, "arguments": arguments})
            answer = self._answers.get()
        if "refused" in answer:
            raise Refused(**answer["refused"])
        return answer["answer"]

    def _listen(self) -> None:
        for line in self._reader:
            self._answers.put(json.loads(line))
        os._exit(_ORPHANED)


_running: ContextVar[Running] = ContextVar("running")
_line: ContextVar[_Line] = ContextVar("line")


def current() -> Running:
    """The run whose activity this is."""
    return _running.get()


def call(name: str, /, **arguments: Any) -> Any:
    """Ask Daybook, as this run's tenant, for what a built-in activity does; raises Refused.

    The answer is JSON. It waits; in an async script `await asyncio.to_thread(call, ...)`.
    """
    return _line.get().ask(name, arguments)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Ask the kernel to hold this process to its limits."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main_of(script: str, project: str) -> Any:
    """What a script exports as `main`."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, project)
    spec = spec_from_file_location("activity_script", script)
    assert spec is not None, "a Python file has a spec"
    assert spec.loader is not None, "a Python file has a loader"
    module = module_from_spec(spec)
    sys.modules["activity_script"] = module
    spec.loader.exec_module(module)
    main = getattr(module, "main", None)
    if not callable(main):
        raise NonRetryable(f"{Path(script).name} exports no main(params)")
    return main


async def _awaited(output: Any) -> Any:
    return await output


def _run(told: dict[str, Any]) -> dict[str, Any]:
    try:
        output = _main_of(told["script"], told["project"])(told["params"])
        if inspect.isawaitable(output):
            output = asyncio.run(_awaited(output))
    except BaseException as raised:  # also sys.exit: whatever ends a script is its outcome
        return _failure(raised)
    return _success(output, told["output_bytes_max"])


def _success(output: Any, bytes_max: int) -> dict[str, Any]:
    try:
        size = len(json.dumps(output, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as wrong:
        return _failed("OUTPUT_NOT_JSON", f"what main returned is not JSON: {wrong}", False)
    if size > bytes_max:
        return _failed(
            "OUTPUT_TOO_LARGE", f"main returned {size} bytes: {bytes_max} at most", False
        )
    return {"output": output}


def _failure(raised: BaseException) -> dict[str, Any]:
    # The first two frames are of this file.
    shown = raised.__traceback__.tb_next if raised.__traceback__ else None
    lines = traceback.format_exception(type(raised), raised, shown)
    text = "".join(lines)[-TRACEBACK_LETTERS_MAX:]
    match raised:
        case Refused():
            return _failed(raised.code, text, raised.transient)
        case NonRetryable():
            return _failed("SCRIPT_FAILED", text, False)
        case MemoryError():
            return _failed("SCRIPT_OUT_OF_MEMORY", text, True)
        case SystemExit():
            return _failed("SCRIPT_EXITED", f"it called sys.exit\n{text}", True)
        case _:
            return _failed("SCRIPT_FAILED", text, True)


def _failed(code: str, detail: str, retryable: bool) -> dict[str, Any]:
    return {"failed": {"code": code, "detail": detail, "retryable": retryable}}


def main() -> None:
    """Run one script; what became of it is the last line."""
    line = _Line(int(sys.argv[1]))
    told = line.start()
    _running.set(Running(**told["running"]))
    _line.set(line)
    if confinement := told["confinement"]:
        from confinement import confine

        confine(**confinement)
    _limit(told["memory_bytes"], told["cpu_seconds"])
    line.say({"token": line.token, **_run(told)})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that a script left running are nobody's


if __name__ == "__main__":
    main()
