"""Billing periods of customers: when each began, when it ends or was closed."""

from collections.abc import Sequence
from typing import Any, Final

from contracts.columns import columns
from contracts.period import PeriodClosed, PeriodStarted
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_ADD: Final = sql("periods_add")
_END: Final = sql("periods_end")


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add what began, then end what ended."""
    started: list[tuple[Any, ...]] = []
    closed: list[tuple[Any, ...]] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, PeriodStarted):
            started.append(_started(recorded, event))
        elif isinstance(event, PeriodClosed):
            at = event.closed_at.isoformat()
            closed.append((recorded.tenant, event.period_id, at, event.closed_by))
    if started:
        await connection.execute(_ADD, *columns(started, "ttttnttn"))
    if closed:
        await connection.execute(_END, *columns(closed, "tttt"))


def _started(recorded: Recorded, event: PeriodStarted) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.period_id,
        event.customer_id,
        event.currency,
        event.days,
        event.started_at.isoformat(),
        event.ends_at.isoformat(),
        recorded.position,
    )
