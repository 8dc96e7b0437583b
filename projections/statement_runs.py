"""Each run of statements: what was asked for, and what it came to."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.columns import columns
from contracts.statement import StatementCompleted, StatementFailed, StatementStarted
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_ADD: Final = sql("statement_runs_add")
_END: Final = sql("statement_runs_end")


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add what was started, then end what ended."""
    started: list[tuple[Any, ...]] = []
    ended: list[tuple[Any, ...]] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, StatementStarted):
            started.append(_started(recorded, event))
        elif isinstance(event, StatementCompleted):
            ended.append(_completed(recorded, event))
        elif isinstance(event, StatementFailed):
            ended.append(_failed(recorded, event))
    if started:
        await connection.execute(_ADD, *columns(started, "tttddtttnn"))
    if ended:
        await connection.execute(_END, *columns(ended, "tttnnnnnttttn"))


def _started(recorded: Recorded, event: StatementStarted) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.run_id,
        event.facility,
        event.first_on,
        event.as_of,
        msgspec.json.encode(event.channels).decode(),
        "running",
        recorded.recorded_at.isoformat(),
        recorded.version,
        recorded.position,
    )


def _completed(recorded: Recorded, event: StatementCompleted) -> tuple[Any, ...]:
    counts = (event.total, event.delivered, event.made, event.skipped, event.failed)
    at = recorded.recorded_at.isoformat()
    head = (recorded.tenant, event.run_id, "completed", *counts, event.digest, at)
    return (*head, None, None, recorded.version)


def _failed(recorded: Recorded, event: StatementFailed) -> tuple[Any, ...]:
    nothing = (None,) * 6
    at = recorded.recorded_at.isoformat()
    head = (recorded.tenant, event.run_id, "failed", *nothing, at)
    return (*head, event.code, event.detail, recorded.version)
