"""What belongs to one request before anybody is asked who calls: correlation and trace."""

import re
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from litestar.types import Scope
from typeid import TypeID

from relay.spans import TRACEPARENT

CORRELATION_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,128}$"
_CORRELATION: Final = re.compile(CORRELATION_PATTERN.removesuffix("$") + r"\Z")
TRACEPARENT_LENGTH_MAX: Final = 512
SPAN: Final = "daybook.traceparent"
"""Key of a request's scope: the traceparent of its own span, where requests are traced."""

_KEY: Final = "daybook.context"
_HEADERS: Final = "daybook.headers"


class Context(NamedTuple):
    """Ids of one request; `traceparent` names its span, or the caller's while nobody traces."""

    correlation_id: str
    trace_id: str
    traceparent: str | None
    started_seconds: float


def context_of(scope: Scope) -> Context:
    """The context of a request, made when first asked for."""
    state: dict[str, Any] = scope.setdefault("state", {})
    context: Context | None = state.get(_KEY)
    if context is None:
        context = state[_KEY] = _context(scope)
    return context


def is_correlation_id(text: str) -> bool:
    """Whether a caller's correlation id can be taken over as it is."""
    return _CORRELATION.match(text) is not None


def fresh_uuid() -> UUID:
    """A new UUID of version 7, for what no caller's key names."""
    return UUID(bytes=TypeID().uuid.bytes)


def headers_of(scope: Any) -> Mapping[str, str]:
    """The headers of a request by their names in lower case; of a repeated one the first.

    Litestar's own, which tells the repeated ones apart, costs ten times as much.
    """
    headers: dict[str, str] | None = scope.get(_HEADERS)
    if headers is None:
        headers = scope[_HEADERS] = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(scope["headers"])
        }
    return headers


def is_repeated(scope: Scope, name: bytes) -> bool:
    """Whether a request has several headers of a name in lower case."""
    return sum(given == name for given, _ in scope["headers"]) > 1


def given_traceparent(scope: Scope) -> str | None:
    """The caller's span; None when it sent none that is valid."""
    given = headers_of(scope).get("traceparent", "")
    is_valid = len(given) <= TRACEPARENT_LENGTH_MAX and TRACEPARENT.match(given)
    return given if is_valid else None


def _context(scope: Scope) -> Context:
    given = headers_of(scope).get("x-correlation-id", "")
    own: str | None = scope.get(SPAN)  # type: ignore[assignment]  # a key of ours
    traceparent = own or given_traceparent(scope)
    found = TRACEPARENT.match(traceparent) if traceparent else None
    fresh = TypeID().uuid  # not as a UUID of Python's, whose texts cost three times as much
    return Context(
        correlation_id=given if is_correlation_id(given) else str(fresh),
        trace_id=found[1] if found else fresh.hex,
        traceparent=traceparent,
        started_seconds=time.perf_counter(),
    )
