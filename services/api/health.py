"""Whether the process lives, whether it can serve, and its metrics."""

import asyncio
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Meta
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from projections.freshness import halted
from services.api.dependencies import Dependencies
from services.api.outage import outage_as_problem
from services.api.problems import FieldError, Problem
from services.api.routes import problems, specs

_PATIENCE_SECONDS: Final = 2.0


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The process can serve: Postgres answers and its schema is this release's."""

    status: Literal["ready"] = "ready"
    halted: Annotated[
        tuple[str, ...],
        Meta(
            description="read models that stand still at an event until an operator looks at them;"
            " commands and the queries of the others work"
        ),
    ] = ()


@get("/health/live", summary="Liveness", tags=["operations"], responses=specs("VALIDATION_FAILED"))
async def live() -> Live:
    """Answers as long as the process does."""
    return Live()


@get(
    "/health/ready",
    summary="Readiness",
    tags=["operations"],
    responses=problems("VALIDATION_FAILED"),
)
async def ready(dependencies: NamedDependency[Dependencies]) -> Ready:
    """Answers 200 when Postgres does and every migration is applied, else what is missing.

    A read model that is halted is named in the answer, which stays 200: taking the process away
    from its callers would end what still works, and mend nothing.
    """
    found = await dependencies.missing()
    if found:
        raise Problem(
            "UNAVAILABLE",
            "not ready: " + "; ".join(found.values()),
            errors=[FieldError(path=name, message=message) for name, message in found.items()],
        )
    with outage_as_problem():
        async with asyncio.timeout(_PATIENCE_SECONDS), dependencies.reader.acquire() as connection:
            return Ready(halted=tuple(await halted(connection)))


@get(
    "/metrics",
    summary="Metrics",
    tags=["operations"],
    media_type="text/plain",
    responses=specs("VALIDATION_FAILED", "NOT_FOUND"),
)
async def metrics(dependencies: NamedDependency[Dependencies]) -> Response[bytes]:
    """Prometheus text exposition."""
    return Response(generate_latest(dependencies.registry), media_type=CONTENT_TYPE_LATEST)
