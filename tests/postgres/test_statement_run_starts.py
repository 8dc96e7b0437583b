"""Runs of statements that are started at one moment, through several executors."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime

from domain import naming
from domain.statement import StartStatementRun
from services.execute.envelope import Done, Envelope, Outcome
from services.execute.executor import Executor
from tests.fixtures.databases import Database

AS_OF = date(2026, 3, 31)


def start(facility: str | None) -> Envelope:
    command = StartStatementRun(
        stream_id=naming.statement_runs_id("demo", AS_OF.isoformat()),
        facility=facility,
        first_on=AS_OF.replace(day=1),
        as_of=AS_OF,
    )
    return Envelope(tenant="demo", command=command, actor="user:ada", correlation_id="c-1")


async def test_of_starts_at_once_one_of_all_facilities_or_one_of_each_succeeds(
    database: Database,
) -> None:
    """Whoever comes first: a run of all, or runs of single facilities, never both."""
    wanted = (None, "north", "south") * 4
    pool = await database.pool("daybook_writer", 12)
    async with AsyncExitStack() as stack:
        executors = [
            await stack.enter_async_context(
                Executor(pool, now=lambda: datetime(2026, 4, 1, tzinfo=UTC))
            )
            for _ in range(4)
        ]
        outcomes: list[Outcome] = await asyncio.gather(
            *(
                executors[number % len(executors)].execute(start(facility))
                for number, facility in enumerate(wanted)
            )
        )
    done = [
        facility
        for facility, outcome in zip(wanted, outcomes, strict=True)
        if isinstance(outcome, Done)
    ]
    assert sorted(map(str, done)) in (["None"], ["north", "south"])
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    assert {outcome.code for outcome in refused} == {"STATE_CONFLICT"}
