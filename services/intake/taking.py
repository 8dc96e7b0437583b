"""Take a batch of messages: read, seal, execute; what is refused is kept and listed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import structlog
from opentelemetry.trace import SpanKind

from relay import spans
from services.code_checks import UNVERIFIED
from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Envelope, Refused
from services.execute.executor import Executor
from services.execute.faults import is_away
from services.intake import rejecting, translation
from services.intake.fees import read_customers
from services.intake.patience import Patience
from services.intake.reading import Arrived, Readable, Unreadable, at_fault, read
from services.intake.rejecting import Rejection, rejection_of
from services.licences import UNLIMITED, Licences, Module, ModuleNotActive
from services.sealing import Keys, make_keys

_log = structlog.get_logger()


class Taken(NamedTuple):
    """What became of a batch: indexes of the messages that are settled, and those to come again."""

    settled: list[int]
    again: list[int]
    later: list[int]
    """To come again after a longer pause: another system has to answer first."""
    taken_count: int
    repeated_count: int
    rejected_count: int


class Taking:
    """Takes messages of one intake stream; raises LedgerUnavailable when Postgres is away."""

    def __init__(
        self,
        executor: Executor,
        pool: asyncpg.Pool,
        *,
        stream: str,
        prefix_tokens: int,
        licences: Licences = UNLIMITED,
    ) -> None:
        self._licences = licences
        self._patience = Patience()
        self._executor = executor
        self._pool = pool
        self._stream = stream
        self._prefix_tokens = prefix_tokens

    async def take(self, batch: Sequence[Arrived]) -> Taken:
        """Execute what can be read, keep what cannot; each message ends settled or comes again."""
        with spans.span("intake take", map(_traceparent, batch), SpanKind.CONSUMER):
            return await self._take(batch)

    async def _take(self, batch: Sequence[Arrived]) -> Taken:
        readings = [read(arrived, self._prefix_tokens) for arrived in batch]
        later = await self._unlicensed(batch, readings)
        envelopes = await self._envelopes(readings, later)
        outcomes = await self._executor.execute_all(list(envelopes.values()))
        again, repeated = [], 0
        for index, outcome in zip(envelopes, outcomes, strict=True):
            if not isinstance(outcome, Refused):
                repeated += outcome.replayed
            elif outcome.code == UNVERIFIED and self._patience.lets_wait(batch[index]):
                later.append(index)
            elif outcome.transient:
                again.append(index)
            else:
                tenant, event, *_ = readings[index]
                readings[index] = Unreadable(tenant, event, outcome.code, outcome.detail)
        rejections = {
            index: rejection_of(batch[index], reading, self._stream)
            for index, reading in enumerate(readings)
            if isinstance(reading, Unreadable)
        }
        kept = await self._reject(rejections)
        again += [index for index in rejections if index not in kept]
        unsettled = {*again, *later}
        settled = [index for index in range(len(batch)) if index not in unsettled]
        for index in settled:
            self._patience.settled(batch[index])
        taken = len(settled) - len(kept) - repeated
        return Taken(settled, again, later, taken, repeated, len(kept))

    async def _unlicensed(
        self, batch: Sequence[Arrived], readings: list[Readable | Unreadable]
    ) -> list[int]:
        """What of tenants without a licence becomes Unreadable; returns the indexes of what waits
        for a licence server."""
        refused: dict[str, ModuleNotActive] = {}
        for tenant in {each.tenant for each in readings if isinstance(each, Readable)}:
            try:
                await self._licences.require(tenant, Module.CORE)
            except ModuleNotActive as inactive:
                refused[tenant] = inactive
        waiting = []
        for index, reading in enumerate(readings) if refused else ():
            unlicensed = refused.get(reading.tenant)
            if unlicensed is None or isinstance(reading, Unreadable):
                continue
            if unlicensed.is_away and self._patience.lets_wait(batch[index]):
                waiting.append(index)
            else:
                tenant, event = reading.tenant, reading.event
                readings[index] = Unreadable(tenant, event, unlicensed.code, str(unlicensed))
        return waiting

    async def _envelopes(
        self, readings: list[Readable | Unreadable], later: Sequence[int]
    ) -> dict[int, Envelope]:
        """The commands of what can be read, by index; what none can be made of is Unreadable."""
        subjects: dict[str, set[str]] = defaultdict(set)
        for reading in readings:
            if isinstance(reading, Readable) and (
                named := translation.subjects_of(reading.message)
            ):
                subjects[reading.tenant] |= named
        keys = await self._keys(subjects)
        customers = await read_customers(self._pool, readings)
        none: Keys = {}
        envelopes: dict[int, Envelope] = {}
        waiting = frozenset(later)
        for index, reading in enumerate(readings):
            if not isinstance(reading, Readable) or index in waiting:
                continue
            tenant = reading.tenant
            try:
                envelopes[index] = translation.envelope_of(
                    reading, keys.get(tenant, none), customers
                )
            except Exception as fault:  # the others of the batch are not to blame
                readings[index] = at_fault(tenant, reading.event, fault)
        return envelopes

    async def _keys(self, subjects: Mapping[str, Iterable[str]]) -> dict[str, Keys]:
        """The keys of each tenant's subjects, but for names that Postgres does not take; raises
        LedgerUnavailable."""
        return {tenant: await self._keys_of(tenant, named) for tenant, named in subjects.items()}

    async def _keys_of(self, tenant: str, subjects: Iterable[str]) -> Keys:
        named = list(subjects)
        try:
            return await make_keys(self._pool, tenant, named)
        except Exception as fault:  # as in a command: only what is about Postgres itself may pass
            if is_away(fault):
                raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault
            if len(named) == 1:
                _log.exception("no key for a subject", tenant=tenant)
                return {}
        alone = [await self._keys_of(tenant, [subject]) for subject in named]
        return {subject: key for keys in alone for subject, key in keys.items()}

    async def _reject(self, rejections: dict[int, Rejection]) -> set[int]:
        """Keep rejected messages; returns the indexes of those that are kept now."""
        subjects: dict[str, set[str]] = defaultdict(set)
        for rejection in rejections.values():
            subjects[rejection.unreadable.tenant].add(rejection.subject_id)
        keys = await self._keys(subjects)
        received_at = datetime.now(UTC)
        envelopes: dict[int, Envelope] = {}
        for index, rejection in rejections.items():
            own = keys[rejection.unreadable.tenant]
            try:
                envelopes[index] = rejecting.envelope_of(rejection, own, received_at)
            except Exception:  # it comes again, and is named each time, but never stops the others
                _log.exception("rejection cannot be kept", sequence=rejection.arrived.sequence)
        outcomes = await self._executor.execute_all(list(envelopes.values()))
        kept = set()
        for index, outcome in zip(envelopes, outcomes, strict=True):
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


def _traceparent(arrived: Arrived) -> str | None:
    return (arrived.headers or {}).get("ce-traceparent")
