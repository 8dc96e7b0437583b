"""The span of a request: from its arrival to the end of its answer."""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind, Status, StatusCode

from relay import spans
from services.api.context import SPAN, given_traceparent
from services.api.methods import method_asked


async def traced(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer within a span whose parent is the caller's."""
    status = 0

    async def noting(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    carried: dict[str, Any] = {**scope}
    method = method_asked(scope)
    with spans.span(method, [given_traceparent(scope)], SpanKind.SERVER) as span:
        carried[SPAN] = spans.traceparent_of(span)
        await app(carried, receive, noting)  # type: ignore[arg-type]  # a scope, with a key of ours
        route = carried.get("path_template", "unknown")  # never the path: it may name somebody
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
