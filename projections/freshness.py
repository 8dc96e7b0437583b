"""How far the read models are: waiting for what a command did, and the lag when it is not there."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.ids import split_event_id
from projections.statements import AnyConnection, sql

POLL_SECONDS_MIN: Final = 0.005
POLL_SECONDS_MAX: Final = 0.1
VERSION_MAX: Final = 2**63 - 1  # bigint

_FRESHNESS: Final = sql("freshness")
_LAGS: Final = sql("lags")
_HALTED: Final = sql("halted")


class UnknownToken(LookupError):
    """A token that no command of this tenant answered."""


class NotYet(Exception):
    """A projection has not seen the event within the time; how far behind the log it is.

    The seconds are since the oldest event that it has not seen was committed, as in `Lag`.
    """

    def __init__(self, lag_events: int, lag_seconds: float, halted: str | None) -> None:
        super().__init__(
            f"{lag_events} events and {lag_seconds:.3f} seconds behind"
            if halted is None
            else f"{halted} is halted, {lag_events} events and {lag_seconds:.3f} seconds behind;"
            " an operator has to look at it"
        )
        self.lag_events = lag_events
        self.lag_seconds = lag_seconds
        self.halted = halted


class _State(msgspec.Struct, frozen=True, kw_only=True):
    position: int | None  # None: committed and not yet in the log
    behind_seconds: float
    checkpoint: int
    head: int
    halted: str | None


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a live build is behind the log."""

    name: str
    checkpoint: int
    events: int
    seconds: float
    """How long ago the oldest event that it has not seen was committed."""
    halted: bool


async def lags(connection: AnyConnection) -> list[Lag]:
    """The lag of every live build, by name."""
    return [Lag(**row) for row in await connection.fetch(_LAGS)]


async def halted(connection: AnyConnection) -> list[str]:
    """The names of the read models that stand still at an event, of whichever tenant."""
    return [row["name"] for row in await connection.fetch(_HALTED)]


async def wait_for(
    connection: AnyConnection,
    token: str,
    projections: Sequence[str],
    *,
    tenant: str,
    timeout_seconds: float,
) -> int:
    """Wait until the live builds of all these projections have the token's event; its position.

    Reads through row-level security, so the token of another tenant is unknown. Raises
    UnknownToken, and NotYet at the timeout or as soon as a halted projection cannot get there.
    """
    stream_id, version = _named(token)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    pause = POLL_SECONDS_MIN
    while True:
        state = await _state(connection, tenant, stream_id, version, projections)
        if state is None:
            raise UnknownToken(f"{token} names no event of tenant {tenant}")
        if state.position is not None and state.checkpoint >= state.position:
            return state.position
        left = deadline - loop.time()
        if left <= 0 or state.halted is not None:
            raise _not_yet(state)
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, POLL_SECONDS_MAX)


def _named(token: str) -> tuple[str, int]:
    try:
        stream_id, version = split_event_id(token)
    except ValueError as error:
        raise UnknownToken(str(error)) from error
    if not (token.isascii() and token.isprintable()) or version > VERSION_MAX:
        raise UnknownToken(f"{token!a} is no event id")
    return stream_id, version


def _not_yet(state: _State) -> NotYet:
    # What is not in the log yet is at least one event behind its head.
    end = state.head + 1 if state.position is None else state.head
    return NotYet(end - state.checkpoint, state.behind_seconds, state.halted)


async def _state(
    connection: AnyConnection, tenant: str, stream_id: str, version: int, names: Sequence[str]
) -> _State | None:
    row = await connection.fetchrow(_FRESHNESS, tenant, stream_id, version, names)
    return None if row is None else _State(**row)
