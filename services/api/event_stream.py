"""One stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A page is read when the one before it was sent, so a slow client holds up nothing but itself; one
that takes nothing for a while is disconnected, and goes on from where it was when it comes again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

from services.api.event_feed import EventFeed
from services.api.event_pages import Frame
from services.api.methods import HEAD_ASKED

HEARTBEAT_SECONDS: Final = 15.0
SEND_SECONDS_MAX: Final = 30.0
RETRY_MILLISECONDS: Final = 1_000

Wanted = Callable[[Frame], bool]
_log = structlog.get_logger()


class EventStream:
    """An ASGI application that sends a tenant's events after a position."""

    def __init__(
        self,
        feed: EventFeed,
        tenant: str,
        after: int,
        *,
        wanted: Wanted,
        follow: bool,
        until_seconds: float | None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        send_seconds_max: float = SEND_SECONDS_MAX,
    ) -> None:
        self._feed = feed
        self._tenant = tenant
        self._position = self._told = after
        self._wanted = wanted
        self._follow = follow
        self._until_seconds = until_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._send_seconds_max = send_seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves, takes nothing, its token ends or the process stops."""
        if HEAD_ASKED in scope:  # the body would have no end, and nobody reads it
            await send(_start())
            await send(_END)
            return
        with self._feed.reader(self._tenant) as more:
            await send(_start())
            sending = asyncio.ensure_future(self._send_all(send, more))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
                reason = await sending if sending.done() else "left"
            finally:
                sending.cancel()
                leaving.cancel()
        self._feed.ended.labels(reason).inc()

    async def _send_all(self, send: Send, more: asyncio.Event) -> str:
        """Why it ended."""
        try:
            async for content in self._contents(more):
                async with asyncio.timeout(self._send_seconds_max):
                    await send({"type": "http.response.body", "body": content, "more_body": True})
        except TimeoutError:
            return "slow"
        except Exception:
            # The answer has begun: its end is all that can be said, and the client comes again.
            _log.exception("stream of events ended", tenant=self._tenant, after=self._position)
            return "failed"
        await send(_END)
        return "closed" if self._feed.closing.is_set() else "done"

    async def _contents(self, more: asyncio.Event) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while not self._is_over():
            more.clear()
            page = await self._feed.pages.after(self._tenant, self._position)
            if page:
                yield self._taken(page)
            elif not self._follow:
                return
            elif not await self._more(more):
                yield self._still_here()

    def _is_over(self) -> bool:
        ended = self._until_seconds is not None and time.time() >= self._until_seconds
        return ended or self._feed.closing.is_set()

    def _taken(self, page: list[Frame]) -> bytes:
        self._position = page[-1].position
        frames = [frame for frame in page if self._wanted(frame)]
        if frames:
            self._told = frames[-1].position
        return b"".join(frame.content for frame in frames) or b":\n\n"

    def _still_here(self) -> bytes:
        """A comment; where the client is, when nothing that it wants has said so for a while."""
        if self._told == self._position:
            return b":\n\n"
        self._told = self._position
        return f"id: {self._position}\n\n".encode()

    async def _more(self, more: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(self._heartbeat_seconds):
                return await more.wait()
        except TimeoutError:
            return False


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_END: Final[HTTPResponseBodyEvent] = {
    "type": "http.response.body",
    "body": b"",
    "more_body": False,
}


def _start() -> HTTPResponseStartEvent:
    """A new one each time: what comes behind adds headers of one request to its list."""
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"x-accel-buffering", b"no"),  # a proxy that collects answers would hold events back
        ],
    }
