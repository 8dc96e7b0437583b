"""The payment gateway as sagas ask it: whatever is no answer is asked again, and said loudly."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import asyncpg
import structlog
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from contracts.event import Event
from services.execute.envelope import Outcome, Refused
from services.ports import GatewayMisconfigured, KeyReused
from services.sagas import metrics
from services.sagas.ledger import Source, read_sources
from services.sagas.steps import try_again, unknown
from services.tenant_view import tenant_view

GATEWAY_QUEUE: Final = "{}-gateway"
"""The task queue of what asks a gateway: batches that take minutes keep no card waiting."""
# For ever: only the gateway can say what became of the money. Attempts are not in the history.
GATEWAY_RETRIES: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(minutes=10)
)
GATEWAY_ATTEMPT_MAX: Final = timedelta(minutes=2)

_log = structlog.get_logger()


async def read_source(
    pool: asyncpg.Pool, tenant: str, stream_id: str, kind: type[Event], what: str
) -> Source:
    """The one stream that a workflow is about; raises what ends it when there is none."""
    async with tenant_view(pool, tenant) as connection:
        found = await read_sources(connection, tenant, (stream_id,), kind)
    if not found:
        raise unknown(what, [stream_id])
    return found[0]


def unanswered(what: str, source: Source, reason: str) -> ApplicationError:
    """The retryable failure of an attempt that the gateway did not answer."""
    metrics.GATEWAY_UNANSWERED.labels(what).inc()
    _log.warning("the gateway does not say yet", **_about(what, source), reason=reason)
    return try_again(what, 1, reason)


@contextmanager
def asking(what: str, source: Source) -> Iterator[None]:
    """While the gateway is asked: what an operator or we have to mend is no answer either."""
    try:
        yield
    except (GatewayMisconfigured, KeyReused) as fault:
        metrics.GATEWAY_UNANSWERED.labels(what).inc()
        _log.error("the gateway cannot be asked", **_about(what, source), error=repr(fault))
        raise try_again(what, 1, repr(fault)) from fault


def taken(what: str, source: Source, outcome: Outcome) -> None:
    """Go on only when the ledger took what the gateway said; raises what is tried again."""
    if isinstance(outcome, Refused):
        metrics.GATEWAY_UNBOOKED.labels(what).inc()
        _log.error(
            "the ledger refuses what the gateway said",
            **_about(what, source),
            code=outcome.code,
            detail=outcome.detail,
        )
        raise try_again(what, 1, f"{outcome.code}: {outcome.detail}")


def _about(what: str, source: Source) -> dict[str, str]:
    return {
        "what": what,
        "tenant": source.tenant,
        "correlation_id": source.cause.correlation_id,
        "stream_id": source.stream_id,
    }
