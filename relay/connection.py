"""The NATS client of all our processes: it never stops reconnecting, and reads headers quickly."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.errors import ConnectionReconnectingError
from nats.errors import Error as BusError
from nats.protocol import parser

__all__ = ["OUR_INBOX", "BusError", "Client", "ServerTooOld", "connect", "report"]

# What a consumer of ours is delivered comes to an inbox. Tenants may listen on `_INBOX.>`, where
# clients expect their answers, so ours are elsewhere; no tenant is to be allowed this prefix.
OUR_INBOX: Final = "_DAYBOOK"

SERVER_MIN: Final = (2, 12)  # the first with atomic batches
_VERSION_LINE: Final = b"NATS/1.0\r\n"
_BLOCK_END: Final = b"\r\n\r\n"

_log = structlog.get_logger()

# The server ends a subject at a space or a tab, the client at any white space: one with a form feed
# in it would end the connection, and again whenever it is delivered.
_LINE: Final = rb"\A%b[ \t]+([^ \t\r\n]+)[ \t]+([^ \t\r\n]+)[ \t]+(([^ \t\r\n]+)[ \t]+)?"
parser.MSG_RE = re.compile(_LINE % b"MSG" + rb"(\d+)\r\n")
parser.HMSG_RE = re.compile(_LINE % b"HMSG" + rb"(\d+)[ \t]+(\d+)\r\n")


class ServerTooOld(Exception):
    """The server lacks atomic batches."""


class Client(NatsClient):
    """nats-py's client, with a few of its methods overridden or, though private, used.

    tests/bus/test_connection.py compares them with what the client does by itself, so that a
    release that changes them is noticed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.when_disconnected: set[Callable[[], None]] = set()
        """Called when the connection breaks: no answer to what was sent on it will come."""

    async def disconnected(self) -> None:
        """The library's callback for a connection that broke."""
        for call in tuple(self.when_disconnected):
            call()

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        """The headers of a message. The client looks at every character of them in Python, which
        takes longer than all the rest of receiving a message; ordinary ones are split at once."""
        if headers and headers.startswith(_VERSION_LINE) and headers.endswith(_BLOCK_END):
            try:
                lines = headers[len(_VERSION_LINE) : -len(_BLOCK_END)].decode().split("\r\n")
                pairs = [line.split(":", 1) for line in lines]
                return {name: value.strip() for name, value in pairs}
            except ValueError:
                _log.debug("headers that are no pairs of UTF-8")  # the client's own reading decides
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):
            # The server looks into no block that it stores: whoever may publish may send anything.
            _log.warning("headers that cannot be read", size=len(headers or b""))
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """The client refuses a subject that is no UTF-8, and stops reading for good; the server
        lets one be published, so it must be delivered to whoever can reject it."""
        try:
            message: Msg = super()._build_message(sid, subject, reply, data, headers)
        except UnicodeDecodeError:
            readable = subject.decode(errors="backslashreplace").encode()
            message = super()._build_message(sid, readable, reply, data, headers)
        return message

    async def request(self, *args: Any, **more: Any) -> Msg:
        """As the client does it, but never losing a cancellation.

        It waits by `asyncio.wait_for`, which before Python 3.12 drops a cancellation that comes
        together with the answer: a process told to stop would go on.
        """
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            return await super().request(*args, **more)
        finally:
            if task and task.cancelling() > cancelled:
                raise asyncio.CancelledError

    async def send(self, frames: bytes) -> None:
        """Send whole protocol frames at once.

        `publish()` makes headers of a dict and wakes the flusher for each message: ten times the
        cost of a frame of our own making. These two calls are what it ends in. Raises
        ConnectionReconnectingError while there is no connection: nothing is buffered meanwhile,
        since what is sent may be obsolete by the time there is one.
        """
        if not self.is_connected:
            raise ConnectionReconnectingError
        await self._send_command(frames)
        await self._flush_pending()


async def report(error: Exception) -> None:
    """Log what the client says of its connection."""
    _log.warning("nats", error=repr(error))


async def connect(
    url: str,
    *,
    name: str,
    inbox: str = OUR_INBOX,
    on_error: Callable[[Exception], Awaitable[None]] = report,
) -> Client:
    """Connect, and reconnect for ever; answers come to subjects that begin with `inbox`.

    A cluster's address is that of each of its servers, with commas between them; all know us alike.
    Waits for a server that is away; raises ServerTooOld, and nats.errors.Error when it refuses us.
    """
    client = Client()
    servers = url.split(",")
    # A cluster tells of servers that are not in the address, and of how to reach them, not whom as.
    known = urlsplit(servers[0])
    await client.connect(
        servers,
        user=known.username,
        password=known.password,
        name=name,
        inbox_prefix=inbox,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is only ever slept for
        ping_interval=5,
        max_outstanding_pings=2,
        pending_size=32 * 1024 * 1024,
        error_cb=on_error,
        disconnected_cb=client.disconnected,
    )
    version = client.connected_server_version
    if (version.major, version.minor) < SERVER_MIN:
        await client.close()
        raise ServerTooOld(f"NATS {version.major}.{version.minor}, needs {SERVER_MIN}")
    return client
