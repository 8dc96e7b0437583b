"""The read models as queries over HTTP need them: one tenant, as fresh as asked, with ETags."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeVar

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.private import Private
from projections.aging_rows import LocalDates
from projections.cursor import CursorInvalid
from projections.freshness import NotYet, UnknownToken, wait_for
from services.api.auth import Caller
from services.api.dependencies import Dependencies
from services.api.names import opened
from services.api.outage import outage_as_problem
from services.api.parameters import TOKEN
from services.api.problems import Lag, Problem, invalid
from services.api.tagging import is_known
from services.calendar import local_dates, read_calendar
from services.tenant_view import tenant_view

PROJECTIONS: Final = "projections"
"""Key of a route's `opt`: the read models that its answer comes from."""

_POLL_SECONDS_MIN: Final = 0.005
_POLL_SECONDS_MAX: Final = 0.1
Answer = TypeVar("Answer")


class Reading:
    """Reads the models of one tenant."""

    def __init__(self, dependencies: Dependencies, tenant: str) -> None:
        self._pool = dependencies.reader
        self._patience_seconds = dependencies.patience_seconds
        self.tenant = tenant
        self.position: int | None = None
        """Of what the caller asked to have been seen; None when it asked for nothing."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A transaction that sees this tenant only; raises Problem for a bad cursor or outage."""
        try:
            with outage_as_problem():
                async with tenant_view(self._pool, self.tenant, readonly=True) as held:
                    yield held
        except CursorInvalid as wrong:
            raise invalid("query:cursor", str(wrong)) from wrong

    async def wait(self, token: str, projections: Sequence[str]) -> int:
        """Wait until these projections have seen a command; its position.

        Raises Problem NOT_YET with the lag.
        No connection is held between two looks, so that waiting callers do not starve the others.
        """
        deadline = asyncio.get_running_loop().time() + self._patience_seconds
        pause = _POLL_SECONDS_MIN
        while isinstance(not_yet := await self._look(token, projections), NotYet):
            left_seconds = deadline - asyncio.get_running_loop().time()
            if left_seconds <= 0 or not_yet.halted is not None:
                lag = Lag(events=not_yet.lag_events, seconds=not_yet.lag_seconds)
                raise Problem("NOT_YET", str(not_yet), lag=lag) from not_yet
            await asyncio.sleep(min(pause, left_seconds))
            pause = min(pause * 2, _POLL_SECONDS_MAX)
        return not_yet

    async def _look(self, token: str, projections: Sequence[str]) -> NotYet | int:
        """How far these projections are from a command, or its position when all have seen it."""
        try:
            async with self.connection() as connection:
                return await wait_for(
                    connection, token, projections, tenant=self.tenant, timeout_seconds=0
                )
        except UnknownToken as unknown:
            raise invalid("query:after", str(unknown)) from unknown
        except NotYet as not_yet:
            return not_yet

    async def names(self, privates: Iterable[Private | None]) -> list[str | None]:
        """The texts of personal fields in their order; None for one that nothing opens any more."""
        return await opened(self._pool, self.tenant, list(privates))


async def provide_reading(
    request: Request[Caller, Any, Any],
    dependencies: NamedDependency[Dependencies],
    after: Annotated[
        str | None,
        QueryParameter(
            required=False,
            description="Token of a command: answer only from what has seen it. Waits a moment,"
            " then answers 425 with the lag.",
            max_length=256,
            schema_extra={"pattern": TOKEN},
        ),
    ] = None,
) -> Reading:
    """The caller's view of the read models, as fresh as it asked for; raises Problem."""
    reading = Reading(dependencies, request.user.tenant)
    if after is not None:
        reading.position = await reading.wait(after, request.route_handler.opt[PROJECTIONS])
    return reading


async def today(connection: Any) -> LocalDates:
    """Which day it is at the facilities of the tenant that the connection reads."""
    return local_dates(await read_calendar(connection), datetime.now(UTC))


def tagged(
    request: Request[Any, Any, Any],
    answer: Answer,
    version: int,
    position: int,
    day: date | None = None,
) -> Response[Answer]:
    """The answer with its ETag, or 304 when the caller has it already.

    The position is part of the tag: a payment changes what is owed on an invoice without a new
    version of the invoice itself. So is the day of what grows older by itself.
    """
    etag = f'W/"{version}-{position}{f"-{day:%Y%m%d}" if day else ""}"'
    if is_known(etag, request.headers.get("if-none-match", "")):
        return Response(None, status_code=304, headers={"ETag": etag})  # type: ignore[arg-type]  # a 304 has no body
    return Response(answer, headers={"ETag": etag})
