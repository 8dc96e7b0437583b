"""The stream of events against the log: where it ends, whether it is whole, making it whole again.

Stream sequence = position. Retention takes the oldest events away; whatever else is missing was
purged, deleted or lost, and since a sequence is never used twice the stream is then created again
from the first retained position on, and everything published anew from Postgres.
"""

import asyncio
import math
from typing import Final

import structlog

from contracts.cloudevent import to_header
from relay import metrics
from relay.connection import Client
from relay.database import Connection
from relay.jetstream import (
    Stream,
    StreamSettings,
    create_stream,
    delete_stream,
    ensure_stream,
    events_config,
    find_stream,
    stored_message,
)
from relay.lease import Lease, check
from relay.outbox import event_at, first_position_within, head_position

# The clocks of both servers may differ by this much before retention looks like a loss.
CLOCK_SECONDS_MAX: Final = 60.0
# The server drops whole messages, so a full stream is short of its limit by up to one.
FULL_WITHIN_BYTES: Final = 2 * 1024 * 1024
REBUILD_SECONDS_MIN: Final = 10.0
REBUILD_SECONDS_MAX: Final = 600.0

_log = structlog.get_logger()


class StreamDiverged(Exception):
    """The stream holds what the log does not: the database was restored from a backup, or somebody
    else publishes on these subjects. Consumers have seen it, so a person must decide; deleting the
    stream lets the relay publish the log anew."""


class Cooldown:
    """How often a damaged stream is deleted: should damage be misjudged, not in a tight loop."""

    def __init__(self) -> None:
        self._seconds = REBUILD_SECONDS_MIN
        self._until = -math.inf

    def allows(self, now: float) -> bool:
        """Whether it may be done now; then it counts as done, and the next has to wait longer."""
        if now < self._until:
            return False
        if now - self._until > REBUILD_SECONDS_MAX:
            self._seconds = REBUILD_SECONDS_MIN
        self._until = now + self._seconds
        self._seconds = min(self._seconds * 2, REBUILD_SECONDS_MAX)
        return True


async def settle(
    connection: Connection,
    client: Client,
    settings: StreamSettings,
    lease: Lease,
    cooldown: Cooldown,
) -> int:
    """Have a stream that is whole; returns the last position in it.

    Raises LeaseLost, StreamDiverged; JetStreamError and nats.errors.Error while JetStream is away.
    """
    async with connection.transaction():
        await check(connection, lease)
    if await find_stream(client, settings.events) is None:
        return await _create(connection, client, settings)
    stream = await ensure_stream(client, events_config(settings))
    loss = await find_loss(connection, stream, settings)
    if loss is None:
        await _compare(connection, client, stream)
        return last_position(stream)
    rebuild = cooldown.allows(asyncio.get_running_loop().time())
    _log.error("stream damaged", stream=settings.events, loss=loss, rebuild=rebuild)
    if not rebuild:
        return last_position(stream)
    # Between this check and the deletion lies no way to be fenced out. A leader that is paused just
    # there could delete what the next one made, which finds out and makes the stream once more.
    async with connection.transaction():
        await check(connection, lease)
    await delete_stream(client, settings.events)
    return await _create(connection, client, settings)


def last_position(stream: Stream) -> int:
    """The last position that the stream held, also when retention has emptied it since."""
    return max(stream.state.last_seq, stream.state.first_seq - 1)


async def find_loss(connection: Connection, stream: Stream, settings: StreamSettings) -> str | None:
    """What the stream no longer holds though nothing of its retention took it; None for nothing."""
    state = stream.state
    if state.num_deleted:
        return f"{state.num_deleted} messages in between were deleted"
    missing = (state.first_seq if state.messages else state.last_seq + 1) - 1
    if missing < 1:
        return None
    bytes_max = settings.events_bytes_max
    if bytes_max is not None and state.bytes + FULL_WITHIN_BYTES >= bytes_max:
        return None
    age = settings.events_age_seconds_max
    if age:
        margin = min(CLOCK_SECONDS_MAX, age / 10)
        retained_from = await first_position_within(connection, age - margin)
        if missing < retained_from:
            return None
    return f"everything up to position {missing} is gone"


async def _create(connection: Connection, client: Client, settings: StreamSettings) -> int:
    first = await first_position_within(connection, settings.events_age_seconds_max)
    stream = await create_stream(client, events_config(settings) | {"first_seq": first})
    metrics.STREAM_REBUILDS.inc()
    return last_position(stream)


async def _compare(connection: Connection, client: Client, stream: Stream) -> None:
    last = last_position(stream)
    head = await head_position(connection)
    if last > head:
        raise StreamDiverged(f"the stream ends at {last}, the log at {head}")
    if not stream.state.messages:
        return
    message = await stored_message(client, stream.config["name"], last)
    expected, source, body = await event_at(connection, last)
    lines = message.hdrs.decode("ascii", "replace").split("\r\n")
    ours = f"ce-id: {to_header(expected)}" in lines and f"ce-source: {to_header(source)}" in lines
    if not ours or message.data != body:
        raise StreamDiverged(f"what the stream has at {last} is not {expected} of the log")
