"""`GET /bills/health`: whether bills are taken, and whether their lifecycles go on."""

from typing import Annotated, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from services.api.dependencies import Dependencies
from services.api.routes import specs


class BillHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The service, and the task queue that the workflows of bills are on."""

    status: Literal["ok", "degraded"]
    service: str
    task_queue: str
    error: Annotated[str | None, Meta(description="what is wrong")] = None


@get(
    "/bills/health",
    summary="Health of bills",
    tags=["billing periods"],
    responses=specs("VALIDATION_FAILED"),
)
async def get_bill_health(dependencies: NamedDependency[Dependencies]) -> BillHealth:
    """Degraded while Temporal or Postgres is away: what was taken is not lost, ends come later."""
    missing = await dependencies.missing()
    wrong = [*missing.values()]
    if (away := await dependencies.temporal_away()) is not None:
        wrong.append(away)
    return BillHealth(
        status="degraded" if wrong else "ok",
        service="daybook",
        task_queue="daybook",
        error="; ".join(wrong) or None,
    )
