"""The one writer of a build: applies the log in order, each event once, however it is delivered."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final

import asyncpg
import msgspec

from projections.builds import Build, enter
from projections.parking import park, without_parked
from projections.projection import Poison, Projection
from projections.recorded import Recorded, require_decoded
from projections.statements import AnyConnection

Replay = Callable[[int, int], AsyncIterator[Sequence[Recorded]]]
"""The events behind a position up to another one, from Postgres, in batches."""

ERROR_CHARACTERS_MAX: Final = 2_000
# Says nothing about the event: a lost connection, a full disk, a shutdown, a lock. Try again.
AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver's, on a connection that the server has just ended
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


class FenceLost(Exception):
    """Another owner has taken the build over; whatever was to be written was not."""


class Halted(Exception):
    """An event could not be applied and is not skipped; everything before it is written."""

    def __init__(self, name: str, position: int, error: str) -> None:
        super().__init__(f"{name} halted at position {position}: {error}")
        self.position = position
        self.error = error


class LogIncomplete(Exception):
    """The stream is ahead of what Postgres has: it is another log's, or the log was set back."""


class Received(msgspec.Struct, kw_only=True):
    """What became of a delivery."""

    applied: int = 0
    overlaps: int = 0
    gaps: int = 0
    parked: int = 0


class Follower:
    """Holds a connection of its own, which `enter` has turned towards the build's tables."""

    def __init__(
        self,
        projection: Projection,
        build: Build,
        fence: int,
        connection: AnyConnection,
        replay: Replay,
    ) -> None:
        self.projection = projection
        self.build = build
        self.checkpoint = build.checkpoint
        self._fence = fence
        self._connection = connection
        self._replay = replay

    @classmethod
    async def take_over(
        cls,
        projection: Projection,
        build: Build,
        fence: int,
        connection: AnyConnection,
        replay: Replay,
    ) -> "Follower":
        """Become the writer: from here on an owner with an older fence writes nothing.

        A build that halted is tried again. Raises FenceLost.
        """
        checkpoint = await connection.fetchval(
            "UPDATE read.projections SET fence = $3, status = 'following', halted_position = NULL,"
            " error = NULL WHERE name = $1 AND build = $2 AND fence <= $3 RETURNING checkpoint",
            build.name,
            build.build,
            fence,
        )
        if checkpoint is None:
            raise FenceLost(f"{build.lease}: a newer owner than fence {fence}")
        await enter(connection, build)
        build = msgspec.structs.replace(build, checkpoint=checkpoint, fence=fence)
        return cls(projection, build, fence, connection, replay)

    async def receive(self, batch: Sequence[Recorded]) -> Received:
        """Apply what is new of a delivery, in order; what lies between comes from Postgres.

        Raises FenceLost, Halted, LogIncomplete, and what Postgres raises when it is away.
        """
        received = Received()
        for run in _dense_runs(batch) if batch else ():
            if run[0].position > self.checkpoint + 1:
                received.gaps += 1
                await self.catch_up(run[0].position - 1, received)
            new = run[self.checkpoint + 1 - run[0].position :]
            received.overlaps += len(run) - len(new)
            if new:
                await self._apply(new, received)
        return received

    async def catch_up(self, until: int, received: Received | None = None) -> Received:
        """Apply the log from Postgres up to a position; raises as `receive` does."""
        received = received or Received()
        async for batch in self._replay(self.checkpoint, until):
            await self._apply(batch, received)
        if self.checkpoint < until:
            raise LogIncomplete(
                f"{self.build.name} needs position {until}, Postgres ends at {self.checkpoint}"
            )
        return received

    async def _apply(self, run: Sequence[Recorded], received: Received) -> None:
        """Apply a dense run behind the checkpoint; one that fails is halved until one event is."""
        try:
            await self._write(run, received)
        except (FenceLost, *AWAY):
            raise
        except Exception as error:  # whatever an event sets off is its poison
            if len(run) == 1:
                await self._refuse(run[0], error, received)
                return
            middle = len(run) // 2
            await self._apply(run[:middle], received)
            await self._apply(run[middle:], received)

    async def _write(self, run: Sequence[Recorded], received: Received) -> None:
        parked = 0
        async with self._connection.transaction():
            await self._move(run[0].position - 1, run[-1].position)
            if self.projection.poison is Poison.PARK:
                free = await without_parked(self._connection, self.projection, self.build, run)
                parked, run = len(run) - len(free), free
            require_decoded(run)
            if run:
                await self.projection.apply(run, self._connection)
        received.applied += len(run)
        received.parked += parked
        self.checkpoint += len(run) + parked

    async def _move(self, old: int, new: int) -> None:
        """The checkpoint's compare-and-set; its row stays locked until the transaction ends."""
        moved = await self._connection.fetchval(
            "UPDATE read.projections SET checkpoint = $4, updated_at = clock_timestamp()"
            " WHERE name = $1 AND build = $2 AND fence = $3 AND checkpoint = $5"
            " AND status = 'following' RETURNING true",
            self.build.name,
            self.build.build,
            self._fence,
            new,
            old,
        )
        if moved is None:
            raise FenceLost(f"{self.build.lease}: fence {self._fence} at position {old}")

    async def _refuse(self, poison: Recorded, error: Exception, received: Received) -> None:
        text = f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX].replace("\x00", "")
        if self.projection.poison is Poison.PARK:
            async with self._connection.transaction():
                await self._move(poison.position - 1, poison.position)
                await park(self._connection, self.projection, self.build, [poison], error=text)
            received.parked += 1
            self.checkpoint = poison.position
            return
        await self._halt(poison.position, text)
        raise Halted(self.build.name, poison.position, text) from error

    async def _halt(self, position: int, error: str) -> None:
        halted = await self._connection.fetchval(
            "UPDATE read.projections SET status = 'halted', halted_position = $4, error = $5,"
            " updated_at = clock_timestamp()"
            " WHERE name = $1 AND build = $2 AND fence = $3 AND checkpoint = $4 - 1 RETURNING true",
            self.build.name,
            self.build.build,
            self._fence,
            position,
            error,
        )
        if halted is None:
            raise FenceLost(f"{self.build.lease}: fence {self._fence} at position {position}")


def _dense_runs(batch: Sequence[Recorded]) -> Iterator[Sequence[Recorded]]:
    """The batch in order, cut wherever a position is missing or comes twice."""
    positions = [recorded.position for recorded in batch]
    if positions == list(range(positions[0], positions[0] + len(positions))):
        yield batch  # as it mostly is
        return
    ordered = sorted(batch, key=_position)
    start = 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or ordered[end].position != ordered[end - 1].position + 1:
            yield ordered[start:end]
            start = end


def _position(recorded: Recorded) -> int:
    return recorded.position
