"""Connections that say which server they did not reach, instead of how the attempt failed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from relay.connection import OUR_INBOX, BusError, Client, connect
from services.embedded.addresses import without_passwords

BUS_SECONDS_MAX: Final = 5.0
"""Patience of a command that somebody waits for; processes wait for NATS as long as it takes."""


class Unreachable(Exception):
    """A server does not answer, or does not let us in: says which, and why."""


@contextmanager
def reaching_postgres(url: str) -> Iterator[None]:
    """Around what connects to Postgres; raises Unreachable."""
    try:
        yield
    except (
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        ValueError,
    ) as failed:
        reason = failed.strerror if isinstance(failed, OSError) and failed.strerror else failed
        raise Unreachable(
            f"Postgres at {without_passwords(url)}: {reason or type(failed).__name__}"
        ) from failed


async def reach_bus(
    url: str, *, name: str, inbox: str = OUR_INBOX, seconds_max: float | None = BUS_SECONDS_MAX
) -> Client:
    """A connection to NATS; raises Unreachable when there is none in time, None waits for ever."""
    server = f"NATS at {without_passwords(url)}"
    try:
        async with asyncio.timeout(seconds_max):
            return await connect(url, name=f"daybook {name}", inbox=inbox)
    except TimeoutError:
        raise Unreachable(
            f"{server} does not answer, or does not let us in, within {seconds_max:.0f} s"
        ) from None
    except (BusError, OSError, ValueError) as refused:
        raise Unreachable(f"{server}: {refused or type(refused).__name__}") from refused
