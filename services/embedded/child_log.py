"""What a child writes, kept in a file that stays small and in a short memory for reports."""

import asyncio
import os
from collections import deque
from itertools import pairwise
from pathlib import Path

import structlog

FILE_BYTES_MAX = 10 * 1024 * 1024
OLD_FILES_MAX = 3
TAIL_LINES_MAX = 20
# A grandchild can keep the pipe open after its parent died.
DRAIN_SECONDS_MAX = 1.0

logger = structlog.get_logger()


class ChildLog:
    """One pipe for all lives of a child; everything that comes through it is written down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tail: deque[str] = deque(maxlen=TAIL_LINES_MAX)
        self._reader, self.write_end = os.pipe()
        self._task: asyncio.Task[None] | None = None

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._tail)

    async def open(self) -> None:
        """Start writing down."""
        stream = asyncio.StreamReader(limit=1024 * 1024)
        pipe = os.fdopen(self._reader, "rb")
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        self._task = asyncio.create_task(self._write_down(stream, transport))

    async def close(self) -> None:
        """Write down what is left, then let go of the pipe."""
        os.close(self.write_end)
        if self._task is None:
            os.close(self._reader)
            return
        _, unfinished = await asyncio.wait([self._task], timeout=DRAIN_SECONDS_MAX)
        if unfinished:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _write_down(
        self, stream: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        try:
            while chunk := await stream.read(64 * 1024):
                self._tail.extend(chunk.decode(errors="replace").splitlines())
                try:
                    self._append(chunk)
                except OSError as fault:
                    # Reading goes on: a full disk must not block the child on a full pipe.
                    logger.error("child log not written", path=str(self._path), fault=str(fault))  # noqa: TRY400, the reason is in the fault
        finally:
            transport.close()

    def _append(self, chunk: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(chunk)
            size_bytes = file.tell()
        if size_bytes > FILE_BYTES_MAX:
            self._rotate()

    def _rotate(self) -> None:
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, OLD_FILES_MAX + 1))]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.replace(older)
