"""Run a batch to its end: retry what moved, bisect what the database refuses, name what failed."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import asyncpg
import structlog

from services.execute.append import StreamMoved
from services.execute.batch import LOCK_TIMEOUT_SECONDS, Account, Batch
from services.execute.envelope import Envelope, Outcome, Refused

_ATTEMPTS_MAX: Final = 8
_BACKOFF_SECONDS: Final = 0.01
_AGAIN: Final = (StreamMoved, asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# Not about a command: Postgres is away, going away or full. Nothing may be decided from it.
_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    OSError,
)

_log = structlog.get_logger()


class LedgerUnavailable(Exception):
    """Postgres is away: whether the batch was committed is unknown; repeat it, it is idempotent."""


class Attempted(NamedTuple):
    """The outcomes of a batch by index, and the accounts of the commands that are still to wait."""

    outcomes: dict[int, Outcome]
    busy: dict[int, Account]


def utc_now() -> datetime:
    """The moment of a decision."""
    return datetime.now(UTC)


async def attempt(
    pool: asyncpg.Pool,
    envelopes: Sequence[Envelope],
    *,
    wait: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> Attempted:
    """Execute a batch; every command ends in an outcome or busy. Raises LedgerUnavailable."""
    for tries_left in reversed(range(_ATTEMPTS_MAX)):
        batch = Batch(envelopes, wait=wait)
        try:
            async with pool.acquire() as connection:
                await batch.run(connection, now)
        except _AGAIN as moved:
            if tries_left == 0:
                return _all(envelopes, _conflict(moved))
            await asyncio.sleep(random.uniform(0, _BACKOFF_SECONDS * (_ATTEMPTS_MAX - tries_left)))
        except asyncpg.LockNotAvailableError:
            return await _alone(pool, envelopes, wait, now, _timed_out())
        except _AWAY as away:
            raise LedgerUnavailable(str(away)) from away
        except asyncpg.InterfaceError as fault:
            if not isinstance(fault, asyncpg.DataError) and "clos" in str(fault):
                raise LedgerUnavailable(str(fault)) from fault
            return await _alone(pool, envelopes, wait, now, _fault(envelopes, fault))
        except Exception as fault:  # whatever one command provokes must not take the others along
            return await _alone(pool, envelopes, wait, now, _fault(envelopes, fault))
        else:
            busy = {index: batch.account_of(index) for index in batch.busy}
            return Attempted(
                batch.outcomes, {index: account for index, account in busy.items() if account}
            )
    raise AssertionError("the last try returns")


async def _alone(
    pool: asyncpg.Pool,
    envelopes: Sequence[Envelope],
    wait: bool,
    now: Callable[[], datetime],
    refused: Refused,
) -> Attempted:
    """Split a failing batch in two until the failing command stands alone, and refuse that one."""
    if len(envelopes) == 1:
        return Attempted({0: refused}, {})
    middle = len(envelopes) // 2
    first = await attempt(pool, envelopes[:middle], wait=wait, now=now)
    second = await attempt(pool, envelopes[middle:], wait=wait, now=now)
    return Attempted(
        first.outcomes | {middle + index: found for index, found in second.outcomes.items()},
        first.busy | {middle + index: account for index, account in second.busy.items()},
    )


def _all(envelopes: Sequence[Envelope], refused: Refused) -> Attempted:
    return Attempted(dict.fromkeys(range(len(envelopes)), refused), {})


def _conflict(moved: Exception) -> Refused:
    return Refused(
        code="ACCOUNT_VERSION_CONFLICT",
        detail=f"others kept changing the same streams ({moved}): try again",
        transient=True,
    )


def _timed_out() -> Refused:
    return Refused(
        code="LOCK_TIMEOUT",
        detail=f"operation timed out: a lock was not had within {LOCK_TIMEOUT_SECONDS} s",
        transient=True,
    )


def _fault(envelopes: Sequence[Envelope], fault: Exception) -> Refused:
    if len(envelopes) == 1:
        envelope = envelopes[0]
        _log.error(
            "command failed",
            tenant=envelope.tenant,
            command=type(envelope.command).__name__,
            correlation_id=envelope.correlation_id,
            identity=envelope.identity,
            exc_info=fault,
        )
    return Refused(
        code="INTERNAL", detail=f"the command could not be executed: {type(fault).__name__}"
    )
