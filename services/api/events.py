"""Events over HTTP: a tenant's log as server-sent events."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp
from msgspec import Meta

from contracts.catalogue import CATALOGUE, subject_parts
from contracts.ids import split_event_id
from services.api.auth import READ_EVENTS, SCOPE, Caller
from services.api.event_feed import EventFeed
from services.api.event_pages import Frame, Pages
from services.api.event_stream import EventStream
from services.api.gate import STREAMS
from services.api.media import PRODUCES
from services.api.parameters import TOKEN_OR_PLACE
from services.api.problems import Lag, Problem, invalid
from services.api.routes import problems

EVENT_STREAM: Final = "text/event-stream"
HEAD: Final = "head"
_POSITION_MAX: Final = 2**63 - 1
_ENTITIES: Final = frozenset(subject_parts(entry.wire_type)[0] for entry in CATALOGUE)
_TYPES: Final = frozenset(entry.wire_type for entry in CATALOGUE)


class StreamedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the stream, by the names of its fields there."""

    id: Annotated[str, Meta(description="its position among the tenant's events")]
    event: Annotated[str, Meta(description="its type")]
    data: Annotated[str, Meta(description="the CloudEvent in structured JSON")]


After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        required=False,
        description="`id` of the last event that was taken, or the token of a command: what"
        " comes behind it is sent. `head`: only what comes from now on. Left out: everything.",
        max_length=256,
        schema_extra={"pattern": TOKEN_OR_PLACE},
    ),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        required=False,
        description="What a browser sends when it comes again; it counts before `after`.",
        max_length=256,
        schema_extra={"pattern": TOKEN_OR_PLACE},
    ),
]
OfType = Annotated[
    str | None,
    QueryParameter(
        name="type",
        required=False,
        description="only events of this type, such as billing.invoice.issued.v1",
        max_length=128,
        schema_extra={"enum": sorted(_TYPES)},
    ),
]
OfEntity = Annotated[
    str | None,
    QueryParameter(
        name="entity",
        required=False,
        description="only events of this entity, such as invoice",
        max_length=64,
        schema_extra={"enum": sorted(_ENTITIES)},
    ),
]
Follow = Annotated[
    bool,
    QueryParameter(
        name="follow",
        required=False,
        description="false: end where the log ends now, instead of waiting",
    ),
]


@get(
    "/events",
    summary="Follow the events",
    tags=["events"],
    opt={SCOPE: READ_EVENTS, PRODUCES: {EVENT_STREAM: None}, STREAMS: True},
    media_type=EVENT_STREAM,
    responses={
        200: ResponseSpec(
            data_container=StreamedEvent,
            description="Events as they are on the bus, until the client leaves",
            media_type=EVENT_STREAM,
            generate_examples=False,
        )
    }
    | problems("VALIDATION_FAILED", "NOT_YET", "TOO_MANY_REQUESTS"),
)
async def get_events(
    request: Request[Caller, Any, Any],
    feed: NamedDependency[EventFeed],
    after: After = None,
    last_event_id: LastEventId = None,
    type_: OfType = None,
    entity: OfEntity = None,
    follow: Follow = True,
) -> ASGIApp:
    """The tenant's events in the tenant's order, as server-sent events.

    The data of each is the CloudEvent as it is on the bus, in structured JSON; `id` is its position
    among the tenant's events, which counts without gaps. Personal fields stay sealed. A stream ends
    when its token does, or the process: come again with the last `id` and nothing is missed.
    """
    caller = request.user
    given = ("query:after", after)
    if last_event_id is not None:
        given = ("header:Last-Event-ID", last_event_id)
    return EventStream(
        feed,
        caller.tenant,
        await _position(feed.pages, caller.tenant, *given),
        wanted=_wanted(type_, entity),
        follow=follow,
        until_seconds=caller.until_seconds,
    )


def _wanted(type_: str | None, entity: str | None) -> Callable[[Frame], bool]:
    if entity is not None and entity not in _ENTITIES:
        raise invalid("query:entity", f"there is none of that name: {', '.join(sorted(_ENTITIES))}")
    if type_ is not None and type_ not in _TYPES:
        raise invalid("query:type", "there is no such type of event; see the AsyncAPI document")

    def wanted(frame: Frame) -> bool:
        named = entity is None or subject_parts(frame.type)[0] == entity
        return named and (type_ is None or frame.type == type_)

    return wanted


async def _position(pages: Pages, tenant: str, where: str, after: str | None) -> int:
    """Behind which position somebody wants to read; raises Problem."""
    if after is None or after == "0":
        return 0
    head = (await pages.heads([tenant])).get(tenant, 0)
    if after == HEAD:
        return head
    if after.isascii() and after.isdecimal() and int(after) <= _POSITION_MAX:
        if int(after) > head:
            raise invalid(where, f"the events end at {head}: this is not where {after} came from")
        return int(after)
    return await _position_of_token(pages, tenant, where, after)


async def _position_of_token(pages: Pages, tenant: str, where: str, token: str) -> int:
    try:
        found = await pages.position_of(tenant, *split_event_id(token))
    except ValueError:
        found = None
    if found is None:
        raise invalid(where, "there is no such event: give the id of one, or a command's token")
    if found == 0:
        raise Problem("NOT_YET", "the event is not in order yet", lag=Lag(events=1, seconds=0.0))
    return found
