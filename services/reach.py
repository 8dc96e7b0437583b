"""Connections that say which server they did not reach, instead of how the attempt failed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from relay.connection import OUR_INBOX, BusError, Client, connect, report
from relay.database import PASSING
from services.cannot_run import CannotRun
from services.embedded.addresses import without_passwords

_TEMPORAL_SECONDS_MAX: Final = 1.0
BUS_SECONDS_MAX: Final = 5.0
"""Patience of a command that somebody waits for; processes wait for NATS as long as it takes."""


class ServerUnfit(CannotRun):
    """A server answers and is not set up so that Daybook can work on it; the text says how to."""


class Unreachable(Exception):
    """A server does not answer, or does not let us in: says which, and why."""


@contextmanager
def reaching_postgres(url: str) -> Iterator[None]:
    """Around what connects to Postgres; raises Unreachable."""
    try:
        yield
    except (*PASSING, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) and failed.strerror else failed
        raise Unreachable(
            f"Postgres at {without_passwords(url)}: {reason or type(failed).__name__}"
        ) from failed


async def reach_bus(
    url: str, *, name: str, inbox: str = OUR_INBOX, seconds_max: float | None = None
) -> Client:
    """A connection to NATS; raises Unreachable when there is none in time, None waits for ever."""
    server, why = f"NATS at {without_passwords(url)}", "no answer"
    is_waiting = seconds_max is not None

    async def on_error(error: Exception) -> None:
        nonlocal why
        why = str(error) or type(error).__name__
        if not is_waiting:  # otherwise it is told once, at the end
            await report(error)

    try:
        async with asyncio.timeout(seconds_max):
            client = await connect(url, name=f"daybook {name}", inbox=inbox, on_error=on_error)
    except TimeoutError:
        raise Unreachable(f"{server}: {why}, for {seconds_max:g} s") from None
    except (BusError, OSError, ValueError) as refused:
        raise Unreachable(f"{server}: {refused or type(refused).__name__}") from refused
    is_waiting = False
    return client


async def temporal_away(address: str | None) -> str | None:
    """Why Temporal is not reached, None where it is: whether its port answers, no more."""
    if address is None:
        return "there is no Temporal"
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_TEMPORAL_SECONDS_MAX):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError, ValueError) as away:
        return f"Temporal at {address} does not answer: {away or 'in time'}"
    writer.close()
    return None
