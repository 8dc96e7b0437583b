"""The config project over HTTP: fetch it, bring it up to date, remove what no run uses."""

import asyncio
from collections.abc import Collection
from typing import Annotated, Final

import msgspec
import structlog
from litestar import post
from litestar.di import NamedDependency
from msgspec import Meta

from services.api.auth import SCOPE
from services.api.dependencies import Dependencies
from services.api.outage import outage_as_problem
from services.api.problems import Problem, unavailable
from services.api.routes import problems
from services.workflows.git import ProjectUnusable, RemoteAway
from services.workflows.projects import Projects
from services.workflows.use import commits_in_use

SYNC: Final = "billing:workflow:sync"
_log = structlog.get_logger()


class SyncedRepo(msgspec.Struct, frozen=True, kw_only=True):
    """The config project as it is now."""

    fetched: Annotated[bool, Meta(description="false where it has no remote")]
    branches: Annotated[dict[str, str], Meta(description="the commit of each that is checked out")]
    removed: Annotated[
        tuple[str, ...], Meta(description="commits whose checkouts were removed: no run uses them")
    ]


@post(
    "/repo/sync",
    status_code=200,
    summary="Bring the config project up to date",
    responses=problems("VALIDATION_FAILED", "STATE_CONFLICT"),
    response_description="Synced",
    tags=["workflow runs"],
    opt={SCOPE: SYNC},
)
async def sync_repo(dependencies: NamedDependency[Dependencies]) -> SyncedRepo:
    """Fetches, moves the main clone and the worktrees, removes checkouts that no run uses.

    What runs keeps its code. A repeat does it again.
    """
    settings = dependencies.workflows
    if settings is None:
        raise Problem("STATE_CONFLICT", "there is no config project: set WORKFLOW_DIR")
    loop = asyncio.get_running_loop()

    def in_use() -> Collection[str]:
        asked = asyncio.run_coroutine_threadsafe(commits_in_use(dependencies.writer), loop)
        return asked.result()

    try:
        with outage_as_problem():
            synced = await asyncio.to_thread(Projects(settings).sync, in_use)
    except ProjectUnusable as unusable:
        raise Problem("STATE_CONFLICT", str(unusable)) from unusable
    except RemoteAway as away:
        _log.warning("the config project was not fetched", reason=str(away))
        raise unavailable("the remote of the config project is away: try again") from away
    return SyncedRepo(fetched=synced.fetched, branches=synced.branches, removed=synced.removed)
