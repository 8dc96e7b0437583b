"""An event as projections see it: decoded, with its place in the log and its metadata's time."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from contracts.catalogue import UnknownEventType, decode
from contracts.event import Event


class Undecodable(Event, frozen=True, kw_only=True):
    """Stands for an event that this release cannot read; whoever applies it halts there."""

    reason: str


class UndecodableEvent(ValueError):
    """An event of the log that this release cannot read: a newer one wrote it, or it is damaged."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event of the log. It holds what the stream and Postgres both carry, and nothing else:
    a read model must not depend on the way by which an event came.

    `partition_key` is the account, otherwise the stream: what keeps its order.
    """

    position: int
    tenant: str
    stream_id: str
    version: int
    partition_key: str
    type: str
    recorded_at: datetime
    event: Event


def decoded(type_: str, body: bytes) -> Event:
    """The event of a stored body, or `Undecodable` with the reason."""
    try:
        return decode(type_, body)
    except UnknownEventType as error:
        return Undecodable(reason=str(error))
    except msgspec.MsgspecError as error:
        return Undecodable(reason=f"the body is no {type_}: {error}")


def require_decoded(run: Sequence[Recorded]) -> None:
    """Raises UndecodableEvent if this release cannot read one of the events."""
    if Undecodable in {recorded.event.__class__ for recorded in run}:
        reasons = [item.event.reason for item in run if isinstance(item.event, Undecodable)]
        raise UndecodableEvent(reasons[0])
