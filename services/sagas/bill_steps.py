"""The steps of bills: commands under identities of their own, and what becomes of a refused one."""

from typing import Any, Final

import asyncpg
import structlog

from contracts.bill import BillCreated
from contracts.ids import BillId
from domain.bill import RequireAttention
from services.execute.envelope import Outcome, Refused
from services.execute.executor import Executor
from services.sagas import metrics
from services.sagas.gateway import read_source
from services.sagas.ledger import Source
from services.sagas.steps import Step, execute_steps, try_again

BILLS_QUEUE: Final = "{}-bills"
"""The task queue of what bills do: batches that take minutes keep no bill waiting."""

_WHAT: Final = "bill"
_log = structlog.get_logger()


async def read_bill_source(pool: asyncpg.Pool, tenant: str, bill_id: str) -> Source:
    """A bill as it stands; raises what ends the workflow when there is none."""
    return await read_source(pool, tenant, bill_id, BillCreated, _WHAT)


async def take_step(executor: Executor, source: Source, name: str, command: Any) -> Outcome:
    """Execute a step of a bill; raises what is tried again where the ledger is busy."""
    (outcome,) = await execute_steps(executor, [Step(source, name, command)])
    if isinstance(outcome, Refused) and outcome.transient:
        raise try_again("bills", 1, outcome.detail)
    return outcome


async def require_attention(
    executor: Executor, source: Source, refused: Refused, *, attempt: int
) -> None:
    """Have somebody look at a bill that cannot be finalised as things are.

    `attempt` is the one that was refused, 0 where the bill could not be frozen. A refusal may mean
    no more than that somebody else was there first: then the bill is past that attempt, and the
    ledger decides nothing.
    """
    command = RequireAttention(
        bill_id=BillId(source.stream_id),
        account_id=source.state.account_id,
        attempt=attempt,
        code=refused.code,
        detail=refused.detail,
    )
    about = {"tenant": source.tenant, "bill_id": source.stream_id, "code": refused.code}
    outcome = await take_step(executor, source, f"attention/{attempt}", command)
    if isinstance(outcome, Refused):
        raise try_again("bills", 1, outcome.detail)
    metrics.PARKED.labels(_WHAT).inc()
    _log.warning("a bill was not finalised", **about, reason=refused.detail)
