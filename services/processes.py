"""The processes of `daybook serve`: each opens what it needs, serves until told to stop, closes."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import start_http_server

from services import wiring
from services.cannot_run import CannotRun
from services.collector import tune_collector
from services.crash_reports import report, start_reporting
from services.locate import locate
from services.reach import Unreachable
from services.settings import Settings
from services.tracing import start_tracing

Serve = Callable[[wiring.Wiring, asyncio.Event], Awaitable[None]]
SERVE: Final[dict[str, Serve]] = {
    "api": wiring.serve_api,
    "intake": wiring.serve_intake,
    "relay": wiring.serve_relay,
    "projector": wiring.serve_projector,
    "worker": wiring.serve_worker,
}
_log = structlog.get_logger()


async def serve(name: str, settings: Settings) -> None:
    """Run one process until SIGTERM or SIGINT; raises what makes it unable to go on."""
    tune_collector()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    owner = f"{name}@{socket.gethostname()}:{os.getpid()}"
    async with AsyncExitStack() as undo:
        if (stop_reporting := start_reporting(name)) is not None:
            undo.callback(stop_reporting)
        if (stop_tracing := start_tracing(name)) is not None:
            undo.callback(stop_tracing)
        wired = wiring.Wiring(settings, locate(settings), owner, undo)
        if settings.metrics_port:
            undo.callback(_metrics(settings.metrics_host, settings.metrics_port).shutdown)
        _log.info("process started", owner=owner)
        try:
            await _until_stopped(SERVE[name], wired, stopping)
        except (CannotRun, Unreachable):
            raise  # somebody who runs it can mend it, and is told
        except Exception as crash:
            report(crash, code="CRASH")
            raise
    _log.info("process stopped", owner=owner)


def _metrics(host: str, port: int) -> WSGIServer:
    try:
        server, _ = start_http_server(port, addr=host)
    except OSError as failed:
        raise CannotRun(
            f"no metrics on {host}:{port} ({failed.strerror}): set DAYBOOK_METRICS_HOST or"
            " DAYBOOK_METRICS_PORT"
        ) from failed
    return server


async def _until_stopped(work: Serve, wired: wiring.Wiring, stopping: asyncio.Event) -> None:
    """A process that still waits for a server stops at once, any other one in its own time."""
    working = asyncio.ensure_future(work(wired, stopping))
    ended = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
        if wired.is_opening and not working.done():
            working.cancel()
            await asyncio.wait((working,))
        if not working.cancelled():
            await working
    finally:
        ended.cancel()
        working.cancel()
