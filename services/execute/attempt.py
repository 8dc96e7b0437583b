"""Run a batch to its end: retry what moved, split what fails, name what failed."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import asyncpg

from services.commands import BY_COMMAND, Needs
from services.execute.batch import Batch, Stage
from services.execute.envelope import Envelope, Outcome, Refused
from services.execute.faults import StreamMoved, is_away, refusal_of
from services.execute.group import commands_of
from services.execute.load import Account

_ATTEMPTS_MAX: Final = 8
_BACKOFF_SECONDS: Final = 0.01
_AGAIN: Final = (
    StreamMoved,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration changed a table under a prepared statement
)


class LedgerUnavailable(Exception):
    """Postgres is away: whether the batch was committed is unknown; repeat it, it is idempotent."""


class Attempted(NamedTuple):
    """The outcomes of a batch by index, and the accounts of the commands that are still to wait."""

    outcomes: dict[int, Outcome]
    busy: dict[int, Account]


def utc_now() -> datetime:
    """The moment of a decision."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where commands are executed, by which clock and with how much patience."""

    pool: asyncpg.Pool
    now: Callable[[], datetime] = utc_now
    lock_timeout_seconds: float = 5

    def timed_out(self) -> Refused:
        """The refusal of a command that waited in vain."""
        return Refused(
            code="LOCK_TIMEOUT",
            detail=f"operation timed out: no lock within {self.lock_timeout_seconds:g} s",
            transient=True,
        )


async def attempt(
    ledger: Ledger, envelopes: Sequence[Envelope], *, wait_seconds: float | None = None
) -> Attempted:
    """Execute a batch; every command ends in an outcome or busy. Raises LedgerUnavailable.

    A busy account is waited for only with `wait_seconds`.
    """
    for tries_left in reversed(range(_ATTEMPTS_MAX)):
        batch = Batch(
            envelopes,
            wait=wait_seconds is not None,
            lock_timeout_seconds=wait_seconds or ledger.lock_timeout_seconds,
        )
        try:
            async with ledger.pool.acquire() as connection:
                await batch.run(connection, ledger.now)
        except _AGAIN as moved:
            if tries_left:
                await asyncio.sleep(
                    random.uniform(0, _BACKOFF_SECONDS * (_ATTEMPTS_MAX - tries_left))
                )
                continue
            refuse = partial(_conflict, moved=moved)
        except asyncpg.LockNotAvailableError:
            return await _blocked(ledger, batch, wait_seconds)
        except Exception as fault:  # whatever one command provokes must not take the others along
            if is_away(fault):
                raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault
            refuse = partial(refusal_of, fault=fault)
        else:
            return Attempted(batch.outcomes, batch.busy)
        return await _bisect(ledger, batch, wait_seconds, refuse)
    raise AssertionError("the last try returns")


async def _bisect(
    ledger: Ledger,
    batch: Batch,
    wait_seconds: float | None,
    refuse: Callable[[Envelope], Refused],
) -> Attempted:
    """Split a failing batch in two until the failing command stands alone, and refuse that one."""
    count = len(batch.envelopes)
    if count == 1:
        return Attempted({0: refuse(batch.envelopes[0])}, {})
    halves = (range(count // 2), range(count // 2, count))
    return await _in_parts(ledger, batch, halves, wait_seconds)


async def _blocked(ledger: Ledger, batch: Batch, wait_seconds: float | None) -> Attempted:
    """Let commands pass that do not need the lock that was not had."""
    everything = range(len(batch.envelopes))
    match batch.stage:
        case Stage.CLAIM:
            parts = _parted(everything, lambda index: batch.envelopes[index].tenant)
            if len(parts) == 1:
                return Attempted(dict.fromkeys(everything, ledger.timed_out()), {})
            return await _in_parts(ledger, batch, parts, wait_seconds)
        case Stage.LOCK:
            parts = _parted(everything, batch.accounts.get)
            if len(parts) == 1:
                return Attempted({}, dict(batch.accounts))
            return await attempt(ledger, batch.envelopes)  # tells which of them are busy
        case Stage.WRITE:
            drawing = {} if wait_seconds is not None else _drawing(batch)
            if not drawing:
                return await _bisect(ledger, batch, wait_seconds, lambda _: ledger.timed_out())
            rest = [index for index in everything if index not in drawing]
            found = await _in_parts(ledger, batch, [rest], wait_seconds)
            return Attempted(found.outcomes, found.busy | drawing)


def _parted(indexes: Iterable[int], key: Callable[[int], Any]) -> list[list[int]]:
    parts: dict[Any, list[int]] = {}
    for index in indexes:
        parts.setdefault(key(index), []).append(index)
    return list(parts.values())


def _drawing(batch: Batch) -> dict[int, Account]:
    """The commands that draw a number, and all others of their accounts, to keep the order."""
    accounts = {
        account
        for index, account in batch.accounts.items()
        if any(
            Needs.NUMBER in BY_COMMAND[type(command)].needs
            for command in commands_of(batch.envelopes[index])
        )
    }
    return {index: account for index, account in batch.accounts.items() if account in accounts}


async def _in_parts(
    ledger: Ledger,
    batch: Batch,
    parts: Iterable[Sequence[int]],
    wait_seconds: float | None,
) -> Attempted:
    """Attempt parts of a batch, one after the other.

    What is busy in one part is not tried in a later one: its account's commands keep their order.
    """
    outcomes: dict[int, Outcome] = {}
    busy: dict[int, Account] = {}
    for part in parts:
        held = set(busy.values())
        behind = {
            index: batch.accounts[index] for index in part if batch.accounts.get(index) in held
        }
        tried = [index for index in part if index not in behind]
        busy |= behind
        if tried:
            envelopes = [batch.envelopes[index] for index in tried]
            found = await attempt(ledger, envelopes, wait_seconds=wait_seconds)
            outcomes |= {tried[at]: outcome for at, outcome in found.outcomes.items()}
            busy |= {tried[at]: account for at, account in found.busy.items()}
    return Attempted(outcomes, busy)


def _conflict(_envelope: Envelope, moved: Exception) -> Refused:
    return Refused(
        code="ACCOUNT_VERSION_CONFLICT",
        detail=f"others kept changing the same streams ({moved}): try again",
        transient=True,
    )
