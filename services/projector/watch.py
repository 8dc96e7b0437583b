"""What the owners have to know of each other: which build is shown, which one halted, who lags."""

import asyncio
from typing import Final

import structlog

from projections.builds import Build, builds, live_build
from projections.follow import AWAY
from projections.freshness import lags
from projections.statements import AnyPool
from relay.database import raise_if_cancelled
from services.projector import metrics

INTERVAL_SECONDS: Final = 0.5

_log = structlog.get_logger()


class Watch:
    """The builds as they were a moment ago."""

    def __init__(self, pool: AnyPool) -> None:
        self._pool = pool
        self.looks = 0
        """How many times it has looked."""
        self._builds: list[Build] = []
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    self._builds = await builds(connection)
                    for lag in await lags(connection):
                        metrics.show(lag)
            except AWAY as error:
                raise_if_cancelled(error)
                _log.warning("read models not readable", error=repr(error))
            else:
                self.looks += 1
                self._looked.set()
                self._looked = asyncio.Event()
            await asyncio.sleep(INTERVAL_SECONDS)

    def shows(self, build: Build, since: int) -> bool:
        """Whether readers see this build, who saw it when there had been so many looks."""
        live = live_build(self._builds, build.name)
        return self.looks <= since + 1 or live is None or live.build == build.build

    async def look(self) -> list[Build]:
        """Wait for the next look; the builds as they are then."""
        await self._looked.wait()
        return self._builds
