"""What belongs to one request before anybody is asked who calls: correlation and trace."""

import re
import secrets
import time
from typing import Any, Final, NamedTuple
from uuid import UUID

from litestar.datastructures import Headers
from litestar.types import Scope
from typeid import TypeID

CORRELATION_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,128}$"
_CORRELATION: Final = re.compile(CORRELATION_PATTERN.removesuffix("$") + r"\Z")
# https://www.w3.org/TR/trace-context/#traceparent-header; version ff is forbidden, and a higher
# version than 00 may carry more fields behind these.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z"
)
TRACEPARENT_LENGTH_MAX: Final = 512
_KEY: Final = "daybook.context"


class Context(NamedTuple):
    """Ids of one request; `traceparent` is None when the caller sent none that is valid."""

    correlation_id: str
    trace_id: str
    traceparent: str | None
    started_seconds: float


def context_of(scope: Scope) -> Context:
    """The context of a request, made when first asked for."""
    state: dict[str, Any] = scope.setdefault("state", {})
    context: Context | None = state.get(_KEY)
    if context is None:
        context = state[_KEY] = _context(Headers.from_scope(scope))
    return context


def is_correlation_id(text: str) -> bool:
    """Whether a caller's correlation id can be taken over as it is."""
    return _CORRELATION.match(text) is not None


def fresh_uuid() -> UUID:
    """A new UUID of version 7, for what no caller's key names."""
    return UUID(bytes=TypeID().uuid.bytes)


def _context(headers: Headers) -> Context:
    given = headers.get("x-correlation-id", "")
    traceparent = headers.get("traceparent", "")
    found = _TRACEPARENT.match(traceparent) if len(traceparent) <= TRACEPARENT_LENGTH_MAX else None
    return Context(
        correlation_id=given if is_correlation_id(given) else str(fresh_uuid()),
        trace_id=found[1] if found else secrets.token_hex(16),
        traceparent=traceparent if found else None,
        started_seconds=time.perf_counter(),
    )
