"""Whether the process lives, whether it can serve, and its metrics."""

from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.api.dependencies import Dependencies
from services.api.problems import FieldError, Problem
from services.api.routes import problems


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The process can serve: Postgres answers and its schema is this release's."""

    status: Literal["ready"] = "ready"


@get("/health/live", summary="Liveness", tags=["operations"], responses={})
async def live() -> Live:
    """Answers as long as the process does."""
    return Live()


@get("/health/ready", summary="Readiness", tags=["operations"], responses=problems("UNAVAILABLE"))
async def ready(dependencies: NamedDependency[Dependencies]) -> Ready:
    """Answers 200 when Postgres does and every migration is applied, else what is missing."""
    found = await dependencies.missing()
    if found:
        raise Problem(
            "UNAVAILABLE",
            "not ready: " + "; ".join(found.values()),
            errors=[FieldError(path=name, message=message) for name, message in found.items()],
        )
    return Ready()


@get("/metrics", summary="Metrics", tags=["operations"], media_type="text/plain", responses={})
async def metrics(dependencies: NamedDependency[Dependencies]) -> Response[bytes]:
    """Prometheus text exposition."""
    return Response(generate_latest(dependencies.registry), media_type=CONTENT_TYPE_LATEST)
