"""Runs of statements as the query API returns them."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.ids import AccountId, RunId
from contracts.statement import DeliveryChannel
from contracts.views import Instant, Version, View


class StatementRunStatus(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class StatementRunSummary(View, frozen=True, kw_only=True):
    """A run of statements; what it came to is null until it has ended."""

    run_id: RunId
    status: StatementRunStatus
    facility: Annotated[str | None, Meta(description="null: all")]
    first_on: Annotated[date, Meta(description="first posting date of the statements")]
    as_of_date: Annotated[date, Meta(description="their last posting date")]
    channels: tuple[DeliveryChannel, ...]
    started_at: Instant
    ended_at: Instant | None
    total: Annotated[int | None, Meta(description="accounts; null until they are counted")]
    delivered: int | None
    made: Annotated[int | None, Meta(description="made and kept, delivered to nobody")]
    skipped: Annotated[int | None, Meta(description="without activity and with nothing owed")]
    failed: int | None
    digest: Annotated[str | None, Meta(description="of what each account got, in hex")]
    code: Annotated[str | None, Meta(description="why the run failed; a stable code")]
    detail: Annotated[str | None, Meta(description="why it failed, and what to do about it")]
    version: Version


class StatementRunDetail(StatementRunSummary, frozen=True, kw_only=True):
    """A run of statements, and how far it is."""

    done: Annotated[int, Meta(description="accounts that were seen to, however that ended")]


class StatementRunPage(View, frozen=True, kw_only=True):
    """Runs of statements, the latest first."""

    items: tuple[StatementRunSummary, ...]
    cursor: str | None


class StatementFailure(View, frozen=True, kw_only=True):
    """An account that got no statement."""

    account_id: AccountId
    code: str
    detail: str
    failed_at: Instant


class StatementFailurePage(View, frozen=True, kw_only=True):
    """Accounts that got no statement, by id."""

    items: tuple[StatementFailure, ...]
    cursor: str | None
