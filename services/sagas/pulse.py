"""Heartbeats of an activity, so that Temporal soon gives a killed worker's work to another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from temporalio import activity

HEARTBEAT_TIMEOUT: Final = timedelta(seconds=5)
PULSE: Final = timedelta(seconds=1)


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Heartbeat while the body runs."""
    beating = asyncio.get_running_loop().create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _beat() -> None:
    while True:
        await asyncio.sleep(PULSE.total_seconds())
        activity.heartbeat()
