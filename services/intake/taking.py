"""Take a batch of messages: read, seal, execute; what is refused is kept and listed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import structlog

from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Envelope, Refused
from services.execute.executor import Executor
from services.execute.faults import is_away
from services.intake import rejecting, translation
from services.intake.reading import Arrived, Readable, Unreadable, read
from services.intake.rejecting import Rejection, rejection_of
from services.sealing import Keys, make_keys

_log = structlog.get_logger()


class Taken(NamedTuple):
    """What became of a batch: indexes of the messages that are settled, and those to come again."""

    settled: list[int]
    again: list[int]
    taken_count: int
    repeated_count: int
    rejected_count: int


class Taking:
    """Takes messages of one intake stream; raises LedgerUnavailable when Postgres is away."""

    def __init__(
        self, executor: Executor, pool: asyncpg.Pool, *, stream: str, prefix_tokens: int
    ) -> None:
        self._executor = executor
        self._pool = pool
        self._stream = stream
        self._prefix_tokens = prefix_tokens

    async def take(self, batch: Sequence[Arrived]) -> Taken:
        """Execute what can be read, keep what cannot; each message ends settled or comes again."""
        readings = [read(arrived, self._prefix_tokens) for arrived in batch]
        readable = [
            (index, reading)
            for index, reading in enumerate(readings)
            if isinstance(reading, Readable)
        ]
        rejections = {
            index: rejection_of(batch[index], reading, self._stream)
            for index, reading in enumerate(readings)
            if isinstance(reading, Unreadable)
        }
        envelopes = await self._envelopes([reading for _, reading in readable])
        outcomes = await self._executor.execute_all(envelopes)
        again, repeated = [], 0
        for (index, reading), outcome in zip(readable, outcomes, strict=True):
            if not isinstance(outcome, Refused):
                repeated += outcome.replayed
            elif outcome.transient:
                again.append(index)
            else:
                unreadable = Unreadable(reading.tenant, reading.event, outcome.code, outcome.detail)
                rejections[index] = rejection_of(batch[index], unreadable, self._stream)
        kept = await self._reject(rejections)
        again += [index for index in rejections if index not in kept]
        unsettled = set(again)
        settled = [index for index in range(len(batch)) if index not in unsettled]
        taken = len(settled) - len(kept) - repeated
        return Taken(settled, again, taken, repeated, len(kept))

    async def _envelopes(self, readable: Sequence[Readable]) -> list[Envelope]:
        subjects: dict[str, set[str]] = defaultdict(set)
        for reading in readable:
            if named := translation.subjects_of(reading.message):
                subjects[reading.tenant] |= named
        keys = await self._keys(subjects)
        none: Keys = {}
        return [
            translation.envelope_of(reading, keys.get(reading.tenant, none)) for reading in readable
        ]

    async def _keys(self, subjects: Mapping[str, Iterable[str]]) -> dict[str, Keys]:
        """The keys of each tenant's subjects; raises LedgerUnavailable."""
        try:
            return {
                tenant: await make_keys(self._pool, tenant, named)
                for tenant, named in subjects.items()
            }
        except Exception as fault:  # as in a command: only what is about Postgres itself may pass
            if not is_away(fault):
                raise
            raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault

    async def _reject(self, rejections: dict[int, Rejection]) -> set[int]:
        """Keep rejected messages; returns the indexes of those that are kept now."""
        if not rejections:
            return set()
        subjects: dict[str, set[str]] = defaultdict(set)
        for rejection in rejections.values():
            subjects[rejection.unreadable.tenant].add(rejection.subject_id)
        keys = await self._keys(subjects)
        received_at = datetime.now(UTC)
        envelopes = [
            rejecting.envelope_of(rejection, keys[rejection.unreadable.tenant], received_at)
            for rejection in rejections.values()
        ]
        outcomes = await self._executor.execute_all(envelopes)
        kept = set()
        for index, outcome in zip(rejections, outcomes, strict=True):
            self._report(rejections[index], outcome)
            if not isinstance(outcome, Refused):
                kept.add(index)
        return kept

    def _report(self, rejection: Rejection, outcome: object) -> None:
        unreadable = rejection.unreadable
        _log.warning(
            "message rejected",
            tenant=unreadable.tenant,
            sequence=rejection.arrived.sequence,
            message_id=unreadable.event.id if unreadable.event else None,
            code=unreadable.code,
            detail=unreadable.detail,
            kept=not isinstance(outcome, Refused),
        )
