"""Connections that say which server they did not reach, instead of how the attempt failed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from relay.connection import OUR_INBOX, BusError, Client, connect, report
from relay.database import PASSING
from services.cannot_run import CannotRun
from services.embedded.addresses import without_passwords

_TEMPORAL_SECONDS_MAX: Final = 1.0
_TEMPORAL_PATIENCE: Final = timedelta(seconds=_TEMPORAL_SECONDS_MAX)
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
    """Why Temporal does not serve, None where it does: it is asked, since the port of a server that
    hangs is open."""
    if address is None:
        return "there is no Temporal"
    # Only who asks loads it: it takes a second, and tens of megabytes.
    from temporalio.service import ConnectConfig, RPCError, ServiceClient

    client = await ServiceClient.connect(ConnectConfig(target_host=address, lazy=True))
    try:
        async with asyncio.timeout(_TEMPORAL_SECONDS_MAX):
            serves = await client.check_health(timeout=_TEMPORAL_PATIENCE)
    except (RPCError, RuntimeError, TimeoutError) as away:
        return f"Temporal at {address} does not answer: {away or 'in time'}"
    return None if serves else f"Temporal at {address} does not serve"
