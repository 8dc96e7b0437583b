"""A load of HTTP requests over kept connections, in a process of its own: it reads what to send
from standard input and writes what came of it to standard output.

Clients answer in a few microseconds a request, so that the server is measured and not they.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec
import uvloop

_HEAD: Final = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1\r\n%bContent-Length: %d\r\n\r\n%b"
_LENGTH: Final = b"content-length:"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """So many clients, each with one request under way; `{n}` in a body becomes its number.

    The paths and the bodies are taken in turn, each from its beginning again.
    """

    port: int
    method: str
    paths: tuple[str, ...]
    bodies: tuple[str, ...] = ("",)
    clients: int
    seconds: float
    first: int = 0
    is_keyed: bool = False
    """Each request has an Idempotency-Key of its own."""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a load; seconds of each answer, sorted."""

    requests: int
    seconds: float
    p50_seconds: float
    p99_seconds: float
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


class Client(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends the next one."""

    def __init__(self, requests: Iterator[bytes], ended_at: float, done: asyncio.Future[None]):
        self.answers: list[float] = []
        self.statuses: dict[int, int] = {}
        self._requests = requests
        self._ended_at = ended_at
        self._done = done
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; when it is whole, send the next request."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._received = b""
        now = time.perf_counter()
        self.answers.append(now - self._sent_at)
        status = int(head[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if now < self._ended_at:
            self._send()
        else:
            self._transport.close()
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up."""
        self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))  # type: ignore[attr-defined]  # a Transport


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0:
        return 0
    return int(lowered[at + len(_LENGTH) :].partition(b"\r\n")[0])


def _requests(load: Load) -> Iterator[bytes]:
    method = load.method.encode()
    for number, path, body in zip(
        itertools.count(load.first),
        itertools.cycle(load.paths),
        itertools.cycle(load.bodies),
        strict=False,
    ):
        content = body.replace("{n}", str(number)).encode()
        headers = b"Content-Type: application/json\r\n" if content else b""
        if load.is_keyed:
            headers += b"Idempotency-Key: bench-%d\r\n" % number
        yield _HEAD % (method, path.encode(), headers, len(content), content)


async def _run(load: Load) -> Came:
    loop = asyncio.get_running_loop()
    requests = _requests(load)
    begun = time.perf_counter()
    clients, ends = [], []
    for _ in range(load.clients):
        done = loop.create_future()
        client = Client(requests, begun + load.seconds, done)
        await loop.create_connection(partial(_same, client), "127.0.0.1", load.port)
        clients.append(client)
        ends.append(done)
    await asyncio.gather(*ends)
    seconds = time.perf_counter() - begun
    answers = sorted(itertools.chain.from_iterable(client.answers for client in clients))
    statuses: dict[int, int] = {}
    for client in clients:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return Came(
        requests=len(answers),
        seconds=seconds,
        p50_seconds=answers[len(answers) // 2],
        p99_seconds=answers[int(len(answers) * 0.99)],
        statuses=statuses,
    )


def _same(client: Client) -> Client:
    return client


def main() -> None:
    """Read a load, run it, write what came."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(load))))


if __name__ == "__main__":
    main()
