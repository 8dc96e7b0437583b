"""What a child writes, kept in a file that stays small and in a short memory for reports."""

import asyncio
import os
from collections import deque
from itertools import pairwise
from pathlib import Path

FILE_BYTES_MAX = 10 * 1024 * 1024
OLD_FILES_MAX = 3
TAIL_LINES_MAX = 20
# A grandchild can keep the pipe open after its parent died.
DRAIN_SECONDS_MAX = 1.0


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
        if self._task:
            done, _ = await asyncio.wait([self._task], timeout=DRAIN_SECONDS_MAX)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=not done)

    async def _write_down(
        self, stream: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        file = self._path.open("ab")
        try:
            while chunk := await stream.read(64 * 1024):
                self._remember(chunk)
                file.write(chunk)
                file.flush()
                if file.tell() > FILE_BYTES_MAX:
                    file.close()
                    self._rotate()
                    file = self._path.open("ab")
        finally:
            file.close()
            transport.close()

    def _remember(self, chunk: bytes) -> None:
        self._tail.extend(chunk.decode(errors="replace").splitlines())

    def _rotate(self) -> None:
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, OLD_FILES_MAX + 1))]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.replace(older)
