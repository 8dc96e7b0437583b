"""What is measured of every answer, and the headers that every answer carries."""

import time
from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPMethod
from typing import Final

from litestar.types import Message, Scope
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.api.context import context_of
from services.api.methods import method_asked

BeforeSend = Callable[[Message, Scope], Awaitable[None]]
# Any word may be sent as a method: the others share a series.
_METHODS: Final = frozenset(method.value for method in HTTPMethod)
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
# Balances are personal: a shared cache must not keep them, one's own asks again with the ETag.
_HEADERS: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"x-content-type-options", b"nosniff"),
)


def before_send(registry: CollectorRegistry) -> BeforeSend:
    """Counts and times answers by route, and adds the common headers."""
    requests = Counter(
        "daybook_http_requests",
        "Answered requests",
        ("method", "route", "status"),
        registry=registry,
    )
    seconds = Histogram(
        "daybook_http_request_seconds",
        "Seconds from a request's arrival to the first byte of its answer",
        ("method", "route"),
        buckets=_SECONDS,
        registry=registry,
    )

    # Finding a series by its labels costs more than counting in it.
    count = cache(lambda *labels: requests.labels(*labels).inc)
    observe = cache(lambda *labels: seconds.labels(*labels).observe)

    async def hook(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        context = context_of(scope)
        # Only paths that exist are labels: others would make a series each.
        route = scope.get("path_template", "unknown")
        method = method_asked(scope)
        method = method if method in _METHODS else "other"
        count(method, route, message["status"])()
        observe(method, route)(time.perf_counter() - context.started_seconds)
        correlation = (b"x-correlation-id", context.correlation_id.encode())
        message["headers"] = [*message["headers"], *_HEADERS, correlation]

    return hook
