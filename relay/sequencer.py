"""The sequencer: one leader gives committed events their dense positions and Merkle leaves.

It takes whole outbox rows in id order, so no reader sees half a command, and a commit that comes
late gets a later position: there is nothing to detect and no gap to wait for.
"""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, NamedTuple, Self

import asyncpg

from relay import metrics
from relay.database import PLAN_BY_KEY, Connection
from relay.draft import work_out
from relay.lease import Lease, check, fence_session
from relay.tree import Log, TenantHead, load_log, load_tenant_heads

EVENTS_PER_BATCH: Final = 2_000
POLL_SECONDS_MIN: Final = 0.002
POLL_SECONDS_MAX: Final = 0.2

_TAKE: Final = files("relay").joinpath("sql/take.sql").read_text()
_SEQUENCE: Final = files("relay").joinpath("sql/sequence.sql").read_text()


class LogMoved(Exception):
    """The head or the outbox is not as this leader left it; somebody else wrote to the log."""


class Batch(NamedTuple):
    """What one transaction put in order."""

    events: int
    position: int
    """The head after it."""


async def run_sequencer(
    pool: asyncpg.Pool, lease: Lease, *, events_max: int = EVENTS_PER_BATCH
) -> None:
    """Sequence for as long as the lease is held; runs until cancelled.

    Raises LeaseLost, OutboxNamesNoEvent, LogMoved, LogBroken and what a lost connection raises.
    """
    async with pool.acquire() as connection:
        sequencer = await Sequencer.start(connection, lease)
        pause = POLL_SECONDS_MIN
        while True:
            batch = await sequencer.step(events_max)
            if batch is not None:
                metrics.LOG_HEAD_POSITION.set(batch.position)
                metrics.HALTED.labels(lease.name).set(0)
                pause = POLL_SECONDS_MIN
            if batch is None or batch.events < events_max:
                await asyncio.sleep(pause)
                pause = min(pause * 2, POLL_SECONDS_MAX)


class Sequencer:
    """The leader's state: what it would otherwise read again for each batch.

    After an error it is unknown whether the batch was committed: start a new one.
    """

    def __init__(self, connection: Connection, lease: Lease, held: Log) -> None:
        self._connection = connection
        self._lease = lease
        self._held = held
        self._heads: dict[str, TenantHead] = {}

    @classmethod
    async def start(cls, connection: Connection, lease: Lease) -> Self:
        """Read where the log ends and rebuild the edge of its tree; raises LogBroken."""
        await fence_session(connection, lease)
        await connection.execute(PLAN_BY_KEY)
        return cls(connection, lease, await load_log(connection))

    @property
    def position(self) -> int:
        """The head of the log."""
        return self._held.frontier.size

    async def step(self, events_max: int = EVENTS_PER_BATCH) -> Batch | None:
        """Put one batch in order; None when nothing waits."""
        rows = await self._connection.fetch(_TAKE, events_max)
        if not rows:
            return None
        await self._load_heads(rows)
        draft = work_out(self._held, self._heads, rows)
        async with self._connection.transaction():
            await check(self._connection, self._lease)
            written = await self._connection.fetchrow(_SEQUENCE, *draft.arguments)
            if written is None or written["rows_done"] != draft.outbox_rows:
                raise LogMoved(f"the log is not at {self.position}, or the outbox was changed")
        self._held = self._held._replace(frontier=draft.frontier)
        self._heads.update(draft.heads)
        return Batch(len(rows), self.position)

    async def _load_heads(self, rows: Sequence[asyncpg.Record]) -> None:
        unseen = {row["tenant"] for row in rows} - self._heads.keys()
        if unseen:
            partitions = self._held.partitions
            self._heads |= await load_tenant_heads(self._connection, unseen, partitions)
