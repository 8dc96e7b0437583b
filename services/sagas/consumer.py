"""The inbox consumer `sagas`: reads the events of its table and starts or signals workflows.

An event is acknowledged only after Temporal has taken what it means, and what it means may be said
twice: a crash anywhere leads to the same result.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from temporalio.service import RPCError

from relay.database import PASSING
from services.feeding import Deliveries, Noted, Taking, feed
from services.sagas import metrics, waits
from services.sagas.meaning import (
    STREAMS_PER_WORKFLOW_MAX,
    Happening,
    Target,
    happenings,
    signals_of,
    starts,
)
from services.sagas.starting import Starting
from services.sagas.waits import Wait

CONSUMER: Final = "sagas"
# What comes within this time shares workflows: many small ones cost more than they hurry.
WAIT_SECONDS: Final = 0.25

_AGAIN_SECONDS_MIN: Final = 0.25
_AWAY: Final = (RPCError, *PASSING)

_log = structlog.get_logger()


class SagaConsumer:
    """Hands events to Temporal; the pool acts as daybook_writer."""

    def __init__(
        self,
        starting: Starting,
        pool: asyncpg.Pool,
        *,
        streams_max: int = STREAMS_PER_WORKFLOW_MAX,
    ) -> None:
        self._starting = starting
        self._pool = pool
        self._streams_max = streams_max

    async def run(self, deliveries: Deliveries, stopping: asyncio.Event) -> None:
        """Take batches until `stopping`; what is not acknowledged by then comes again."""
        taking = Taking(CONSUMER, self.take, _AWAY, _note_away, _note_taken, _AGAIN_SECONDS_MIN)
        await feed(taking, deliveries, stopping)

    async def take(self, events: Sequence[Noted]) -> None:
        """Start and signal what events mean; returns once Temporal has taken all of it.

        Raises RPCError when Temporal is away, asyncpg's errors and OSError when Postgres is.
        """
        await asyncio.gather(
            *(
                self._starting.start(saga, tenant, workflow_id, stream_ids)
                for saga, tenant, workflow_id, stream_ids in starts(events, self._streams_max)
            )
        )
        happened = list(happenings(events))
        waiting = await self._who_waits(happened)
        signals = signals_of(happened, waiting)
        await asyncio.gather(*(self._signal(*each) for each in signals.items()))

    async def _who_waits(self, happened: Sequence[Happening]) -> list[Wait]:
        keys: dict[str, set[str]] = defaultdict(set)
        for each in happened:
            keys[each.tenant].update(each.keys)
        return await waits.who_waits(self._pool, keys)

    async def _signal(self, target: Target, happened: Sequence[Happening]) -> None:
        if target.workflow_id and await self._starting.signal(
            target.tenant, target.workflow_id, target.signal
        ):
            return
        # Of many events of a stream its workflow is told once.
        own = {
            (each.meaning.saga, each.tenant, each.stream_id, each.meaning.signal): None
            for each in happened
            if each.meaning.or_start
        }
        await asyncio.gather(*(self._starting.signal_own(*named) for named in own))


def _note_away(events: Sequence[Noted], away: Exception, again_seconds: float) -> None:
    metrics.AWAY.inc()
    _log.error(
        "events wait: Temporal or Postgres is away",
        first_position=events[0].position,
        events=len(events),
        again_seconds=again_seconds,
        error=repr(away),
    )


def _note_taken(events: Sequence[Noted]) -> None:
    metrics.CONSUMER_POSITION.set(events[-1].position)
    age = datetime.now(UTC) - events[-1].recorded_at
    metrics.CONSUMER_LAG_SECONDS.set(age.total_seconds())
