"""Signs checkpoints of the log, under a lease: every so many seconds or events, and never a root
that does not go on from the last one that was signed, here or outside of the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple, Self

import asyncpg
import structlog

from relay import metrics
from relay.database import Connection
from relay.lease import Lease, check, fence_session
from services.audit.checker import (
    Checkpoint,
    Refused,
    check_consistency,
    open_checkpoint,
    parse_key,
)
from services.audit.signing import SigningKey
from services.audit.stored_tree import StoredTree, TreeDamaged

POLL_SECONDS: Final = 0.5
_LAST: Final = "SELECT note, key FROM signed_checkpoints ORDER BY size DESC LIMIT 1"
_INSERT: Final = "INSERT INTO signed_checkpoints (size, root, note, key) VALUES ($1, $2, $3, $4)"
_log = structlog.get_logger()


class RootRefused(Exception):
    """The log does not go on from what was signed: it was changed or rolled back."""


class Pace(NamedTuple):
    """How often a growing log is signed."""

    seconds: float
    events: int


Outside = Callable[[str], Awaitable[bytes | None]]
"""Answers the last checkpoint of a log, by its id, that is kept outside of the database."""


class Signed(NamedTuple):
    """A checkpoint and the note that says it."""

    checkpoint: Checkpoint
    note: bytes


NOTHING: Final = Checkpoint("", 0, b"")


async def run_signer(
    pool: asyncpg.Pool,
    lease: Lease,
    seed: bytes,
    pace: Pace,
    outside: Outside,
    on_signed: Callable[[Signed], None],
) -> None:
    """Sign for as long as the lease is held; runs until cancelled.

    `on_signed` is told of the last one, too, that is there at the start. Raises RootRefused,
    TreeDamaged, LeaseLost and what a lost connection raises.
    """
    async with pool.acquire() as connection:
        await fence_session(connection, lease)
        signer = await Signer.start(connection, lease, seed, outside)
        if signer.last_note is not None:
            on_signed(Signed(signer.last, signer.last_note))
        loop = asyncio.get_running_loop()
        signed_at = loop.time() - pace.seconds
        while True:
            grown = await signer.head() - signer.last.size
            is_time = loop.time() - signed_at >= pace.seconds
            if grown < 0 or grown >= pace.events or (grown and is_time):
                on_signed(await signer.sign())
                signed_at = loop.time()
            metrics.HALTED.labels(lease.name).set(0)
            await asyncio.sleep(min(POLL_SECONDS, pace.seconds))


class Signer:
    """Who signs, and what was signed last."""

    def __init__(
        self, connection: Connection, lease: Lease, key: SigningKey, last: Signed | None
    ) -> None:
        self.last = last.checkpoint if last else NOTHING
        self.last_note = last.note if last else None
        self._connection = connection
        self._lease = lease
        self._key = key

    @classmethod
    async def start(
        cls, connection: Connection, lease: Lease, seed: bytes, outside: Outside
    ) -> Self:
        """Read what was signed last, here or outside; raises RootRefused.

        What is outside was not rolled back with the database.
        """
        log_id = await connection.fetchval("SELECT log_id FROM log_head")
        if log_id is None:
            raise TreeDamaged("log_head has no row: the log was never created")
        key = SigningKey(seed, log_id)
        row = await connection.fetchrow(_LAST)
        keys = {key.public.text} | ({row["key"]} if row else set())
        notes = (row["note"] if row else None, await outside(log_id))
        found = [_opened(note, keys) for note in notes if note is not None]
        last = max(found, key=lambda each: each.checkpoint.size, default=None)
        return cls(connection, lease, key, last)

    async def head(self) -> int:
        """How many events the log has."""
        return int(await self._connection.fetchval("SELECT position FROM log_head"))

    async def sign(self) -> Signed:
        """Sign the log as it is; raises RootRefused, TreeDamaged and LeaseLost."""
        size = await self.head()
        tree = StoredTree(self._connection, size)
        root = await self._root_that_goes_on(tree)
        signed = Signed(
            Checkpoint(self._key.public.name, size, root), self._key.sign_checkpoint(size, root)
        )
        async with self._connection.transaction():
            await check(self._connection, self._lease)
            await self._connection.execute(_INSERT, size, root, signed.note, self._key.public.text)
        self.last, self.last_note = signed
        _log.info("checkpoint signed", size=size, root=root.hex())
        return signed

    async def _root_that_goes_on(self, tree: StoredTree) -> bytes:
        if tree.size < self.last.size:
            raise RootRefused(
                f"the log ends at {tree.size}, and {self.last.size} events were signed: the"
                " database was rolled back; deploy/runbook.md says what to do"
            )
        root = await tree.root()
        if not self.last.size:
            return root
        try:
            proof = await tree.consistency(self.last.size)
            check_consistency(self.last.size, tree.size, self.last.root, root, proof)
        except Refused as refused:
            raise RootRefused(f"the log was changed behind what was signed: {refused}") from refused
        return root


def _opened(note: bytes, keys: Iterable[str]) -> Signed:
    """A checkpoint by the key of now or, after a change of it, the one before."""
    reasons = []
    for key in keys:
        try:
            return Signed(open_checkpoint(note, parse_key(key)), note)
        except Refused as refused:
            reasons.append(str(refused))
    raise RootRefused(f"the last checkpoint is none of this log's: {'; '.join(reasons)}")


HALTS: Final = (RootRefused, TreeDamaged)
"""What somebody must look at."""
