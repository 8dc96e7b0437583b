"""Papers set as PDF in processes of their own, each ended when it has grown: Typst keeps memory.

At most 32 papers wait, each for at most 20 seconds.
"""

import asyncio
import subprocess
import sys
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from services.documents.paper import Paper
from services.documents.rendering import RendererBusy

_CHILD: Final = ("-m", "services.adapters.pdf_child")
_WORKERS: Final = 2
_WAITING_MAX: Final = 32
_PATIENCE_SECONDS: Final = 20.0
_PAPERS_MAX: Final = 1_000
_WRONG: Final = 1
_GROWN: Final = 2
_BYTES_MAX: Final = 256 * 1024 * 1024
_log = structlog.get_logger()


class NotSet(Exception):
    """Typst could not set a paper: a fault of ours."""


class Typesetters:
    """Sets papers; a process is started when it is needed, and kept for the next ones."""

    def __init__(
        self,
        *,
        workers: int = _WORKERS,
        waiting_max: int = _WAITING_MAX,
        patience_seconds: float = _PATIENCE_SECONDS,
        papers_max: int = _PAPERS_MAX,
    ) -> None:
        self._turns = asyncio.Semaphore(workers)
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._waiting = 0
        self._waiting_max = waiting_max
        self._patience_seconds = patience_seconds
        self._papers_max = papers_max
        self._is_closed = False

    async def render(self, paper: Paper) -> bytes:
        """The PDF of a paper, the same bytes for the same paper; raises RendererBusy."""
        if self._is_closed:
            raise RendererBusy("documents are set no more, the process ends: try again")
        if self._waiting >= self._waiting_max:
            raise RendererBusy(f"{self._waiting} documents are waiting: try again")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_seconds), self._turns:
                return await self._set(msgspec.json.encode(paper))
        except TimeoutError:
            raise RendererBusy("the document was not set in time: try again") from None
        finally:
            self._waiting -= 1

    async def _set(self, paper: bytes) -> bytes:
        child = self._idle.pop() if self._idle else await _start()
        self._busy.add(child)
        try:
            answer = await child.ask(paper)
        except (OSError, EOFError) as gone:
            await child.end()
            raise RendererBusy(f"the process that sets documents ended ({gone})") from gone
        except BaseException:
            await (
                child.end()
            )  # in the middle of a paper: its answer would be taken for the next one's
            raise
        finally:
            self._busy.discard(child)
        await self._keep(child, answer[0] & _GROWN > 0)
        if answer[0] & _WRONG:
            raise NotSet(answer[1:].decode(errors="replace"))
        return answer[1:]

    async def _keep(self, child: "_Child", has_grown: bool) -> None:
        if has_grown or child.papers >= self._papers_max or self._is_closed:
            await child.end()
        else:
            self._idle.append(child)

    async def close(self) -> None:
        """Take nothing more and end the processes."""
        self._is_closed = True
        for child in (*self._idle, *self._busy):
            await child.end()
        self._idle.clear()


class _Child:
    """A process that sets one paper after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.papers = 0

    async def ask(self, paper: bytes) -> bytes:
        """Have a paper set; raises OSError and EOFError when the process is gone."""
        self.papers += 1
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None, "it was started with pipes"
        assert stdout is not None, "it was started with pipes"
        stdin.write(len(paper).to_bytes(4, "big") + paper)
        await stdin.drain()
        length = int.from_bytes(await stdout.readexactly(4), "big")
        if length > _BYTES_MAX:
            raise EOFError(f"an answer of {length} bytes")
        return await stdout.readexactly(length)

    async def end(self) -> None:
        """End it, whatever it does."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _start() -> _Child:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_CHILD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C ends us, and with our pipe the child
    )
    _log.debug("a process sets documents", pid=process.pid)
    return _Child(process)
