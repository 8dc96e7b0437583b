"""What the API works with; whoever made it closes it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import msgspec
from prometheus_client import CollectorRegistry

from services.api.auth import Authenticate
from services.api.crowding import Crowd
from services.documents.rendering import Render
from services.execute.executor import Executor
from services.licences import UNLIMITED, Licences
from services.ports import ObjectStore, PaymentGateway
from services.workflows.settings import WorkflowSettings

PATIENCE_SECONDS: Final = 5.0
OUTCOME_SECONDS: Final = 2.0

Away = Callable[[], Awaitable[str | None]]
"""Why another server is not reached, None where it is."""


async def nothing_away() -> None:
    """Every server is reached."""


Missing = Callable[[], Awaitable[dict[str, str]]]
"""What keeps this process from serving: what is missing, and what to do about it; empty: ready."""


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """The write path, the pools and how callers are known."""

    executor: Executor
    writer: asyncpg.Pool
    """Acts as daybook_writer: keys of persons, and what was just written."""
    reader: asyncpg.Pool
    """Acts as daybook_reader."""
    objects: ObjectStore
    """Keeps what is too large for an answer from the database: exports."""
    reporter: asyncpg.Pool
    """Acts as daybook_reporter: computes reports."""
    authenticate: Authenticate
    missing: Missing
    registry: CollectorRegistry
    gateway: PaymentGateway
    """Keeps the cards of customers; payments and refunds are the worker's."""
    render: Render
    """Sets documents as PDF."""
    temporal_away: Away = nothing_away
    """Whether the lifecycles of bills go on."""
    licences: Licences = UNLIMITED
    workflows: WorkflowSettings | None = None
    """Where the config project is, for whoever syncs it."""
    link_keys: Sequence[bytes] = ()
    """Keys of signed links: the first signs, all are taken."""
    patience_seconds: float = PATIENCE_SECONDS
    """How long a query waits for its `after` before it answers 425."""
    outcome_seconds: float = OUTCOME_SECONDS
    """How long a card payment waits for its outcome before it answers 202."""
    crowd: Crowd = msgspec.field(default_factory=Crowd)
    """How much is answered at once."""


def all_missing(*parts: Missing) -> Missing:
    """What any of several things is missing."""

    async def missing() -> dict[str, str]:
        found: dict[str, str] = {}
        for part in parts:
            found |= await part()
        return found

    return missing
