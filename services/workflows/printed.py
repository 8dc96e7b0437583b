"""What the process of a script prints: read to its end, and its last words kept."""

import asyncio
from typing import Final

PRINTED_BYTES_MAX: Final = 1024 * 1024
_SHOWN_BYTES_MAX: Final = 4_000


class Printed:
    """Reads what a process prints; keeps the end of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.too_much = asyncio.get_running_loop().create_future()
        self._bytes = 0
        self._tail = b""
        streams = (process.stdout, process.stderr)
        self._reading = [asyncio.ensure_future(self._read(each)) for each in streams if each]

    def shown(self) -> str:
        """The end of it, to be put behind a sentence."""
        return f"; printed:\n{self._tail.decode(errors='replace')}" if self._tail else ""

    async def close(self) -> None:
        """Read what is left of a process that has ended; a child that holds on to it is left."""
        _, holding = await asyncio.wait(self._reading, timeout=1)
        for each in holding:
            each.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        self.too_much.cancel()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65_536):
            self._bytes += len(chunk)
            self._tail = (self._tail + chunk)[-_SHOWN_BYTES_MAX:]
            if self._bytes > PRINTED_BYTES_MAX and not self.too_much.done():
                self.too_much.set_result(None)
