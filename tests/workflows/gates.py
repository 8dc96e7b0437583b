"""Gates: a script comes to one, says who it is, and waits until the test lets it through."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SCRIPT: Final = """import socket


def main(params):
    with socket.create_connection(("127.0.0.1", params["port"])) as gate:
        gate.sendall(params["name"].encode() + b"\\n")
        return gate.recv(100).decode()
"""
"""Takes `port` and `name`; gives what the gate said."""


class Gates:
    """Counts who came; those of `closed` names wait."""

    def __init__(self) -> None:
        self.port = 0
        self.came: dict[str, int] = defaultdict(int)
        self._closed: dict[str, asyncio.Event] = {}

    def close(self, name: str) -> None:
        """Whoever comes with this name waits from now on."""
        self._closed[name] = asyncio.Event()

    def open(self, name: str) -> None:
        """Let them through."""
        self._closed[name].set()

    async def has(self, name: str, times: int = 1) -> bool:
        """Whether so many came with this name."""
        return self.came[name] >= times

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody comes."""
        name = (await reader.readline()).decode().strip()
        self.came[name] += 1
        if name in self._closed:
            await self._closed[name].wait()
        writer.write(b"through")
        writer.close()


@asynccontextmanager
async def open_gates() -> AsyncIterator[Gates]:
    """Gates on a port of this machine."""
    gates = Gates()
    server = await asyncio.start_server(gates.meet, "127.0.0.1", 0)
    gates.port = server.sockets[0].getsockname()[1]
    async with server:
        yield gates
        for name in [*gates._closed]:
            gates.open(name)
