"""The server: granian inside this process and this event loop, where the group commit lives."""

import asyncio
import socket
from typing import Final

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar

from services.api.app import create_app
from services.api.dependencies import Dependencies

_DRAIN_SECONDS_MAX: Final = 10
_BACKLOG: Final = 1024
_log = structlog.get_logger()


class ServerFailed(Exception):
    """The server ended without being asked to."""


async def serve_api(
    dependencies: Dependencies, host: str, port: int, stopping: asyncio.Event
) -> None:
    """Serve until `stopping`, then let requests in flight end; raises OSError, ServerFailed."""
    _check_free(host, port)
    app = create_app(dependencies)
    server = server_of(app, host, port)
    serving = asyncio.ensure_future(server.serve())
    asked = asyncio.ensure_future(stopping.wait())
    _log.info("api starting", url=f"http://{host}:{port}")
    try:
        await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            await serving
            raise ServerFailed("the HTTP server ended by itself")
    finally:
        asked.cancel()
        app.fittings.feed.close()
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it untyped
        await asyncio.wait({serving}, timeout=_DRAIN_SECONDS_MAX)
        serving.cancel()
    _log.info("api stopped")


def server_of(app: Litestar, host: str, port: int) -> Server:
    """The server of an application, with all our settings of it."""
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        # Our own lines say what granian's would, as structlog writes them.
        log_enabled=False,
    )


def _check_free(host: str, port: int) -> None:
    """Fail here, with an OSError that names the address: granian would share the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise OSError(
                taken.errno, f"{host}:{port} cannot be served: {taken.strerror}"
            ) from None
