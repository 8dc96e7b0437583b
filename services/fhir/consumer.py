"""The inbox consumer `fhir`: hands what our events look like to the FHIR server.

Billing never waits for it: while the server is away its batch waits, and what is refused is noted
for a person. A batch may come twice, since a resource says which position it shows.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog

from contracts.catalogue import subject_parts
from relay.database import raise_if_cancelled
from services.cannot_run import CannotRun
from services.execute.faults import is_away
from services.feeding import Deliveries, Noted, Taking, feed
from services.fhir import metrics, refused
from services.fhir.mirror import TYPES, Mirror
from services.fhir.showing import Shown
from services.ports import FhirAway, FhirGateway, FhirRefused, NotKept

CONSUMER: Final = "fhir"
# What comes within this time is written together, and a thing that changes twice is written once:
# a charge and the issue of its invoice are often this close.
WAIT_SECONDS: Final = 0.5
BATCH_MAX: Final = 2_000

_AGAIN_SECONDS_MIN: Final = 0.25
# The sagas are worked on in the same event loop: so many take it for some 20 ms.
_WRITTEN_MAX: Final = 100
_RESOURCES: Final = {
    "acc": "Account",
    "chg": "ChargeItem",
    "inv": "Invoice",
    "pay": "PaymentReconciliation",
}
_log = structlog.get_logger()


class NothingShown(CannotRun):
    """The log has nothing of an id that FHIR shows."""


class FhirConsumer:
    """Keeps a FHIR server up with the log; the pool acts as daybook_writer."""

    def __init__(self, gateway: FhirGateway, pool: asyncpg.Pool) -> None:
        self._gateway = gateway
        self._pool = pool
        self._mirror = Mirror(pool)

    async def run(self, deliveries: Deliveries, stopping: asyncio.Event) -> None:
        """Take batches until `stopping`; what is not acknowledged by then comes again.

        Whatever goes wrong with a batch, it comes again: it must never end the worker, whose sagas
        have nothing to do with it.
        """
        away = (Exception,)
        taking = Taking(CONSUMER, self.take, away, _note_away, _note_taken, _AGAIN_SECONDS_MIN)
        await feed(taking, deliveries, stopping)

    async def take(self, events: Sequence[Noted]) -> None:
        """Have the server keep what these events changed; raises FhirAway, asyncpg's errors and
        OSError, and that after every tenant has had its turn: each may have a server of its own."""
        changed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for event in events:
            changed[event.tenant][event.stream_id].add(event.type)
        away: Exception | None = None
        for tenant, streams in changed.items():
            try:
                await self.keep(tenant, streams)
            except Exception as fault:
                raise_if_cancelled(fault)
                away = away or fault
        if away is not None:
            raise away

    async def again(self, tenant: str, stream_ids: Iterable[str]) -> int:
        """Send what these are now, whatever was sent of them; how many are refused.

        A charge goes with the invoice that it was refused with: alone it would be shown as it was
        before. Raises NothingShown besides, also for a charge that was not refused.
        """
        wanted = [*stream_ids]
        known = await refused.causes(self._pool, tenant, wanted)
        if alone := [id_ for id_ in wanted if id_.startswith("chg_") and id_ not in known]:
            raise NothingShown(f"not refused, send the invoice: {', '.join(sorted(alone))}")
        streams = {id_: {*TYPES} for id_ in (*wanted, *known.values()) if id_}
        there = {each.value for each in await self._mirror.show(tenant, streams)}
        if nothing := streams.keys() - there:
            raise NothingShown(f"nothing is shown of {', '.join(sorted(nothing))}")
        return await self.keep(tenant, streams)

    async def keep(self, tenant: str, streams: Mapping[str, set[str]]) -> int:
        """Have the server keep streams that had events of these types; how many it refused.

        A stream that neither the server nor Postgres is away for, and that fails all the same, is
        noted as refused: it would hold up everybody else for ever.
        """
        try:
            return await self._keep(tenant, streams)
        except Exception as fault:
            raise_if_cancelled(fault)
            if isinstance(fault, FhirAway) or is_away(fault):
                raise
            ids = [*streams]
            if len(ids) == 1:
                return await self._park(tenant, ids[0], fault)
        halves = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        parts = [{id_: streams[id_] for id_ in half} for half in halves]
        return sum([await self.keep(tenant, part) for part in parts])

    async def _park(self, tenant: str, stream_id: str, fault: Exception) -> int:
        type_ = _RESOURCES.get(stream_id.partition("_")[0], "")
        shown = Shown(type_, stream_id, 0, {})
        named = f"{type(fault).__name__}, see the worker's log"
        status, why = (fault.status, fault.detail) if isinstance(fault, FhirRefused) else (0, named)
        refusal = NotKept(shown, status, why)
        await refused.note(self._pool, tenant, [], [refusal])
        metrics.REFUSED.labels(type_).inc()
        _log.error("resource not shown", tenant=tenant, stream_id=stream_id, exc_info=fault)
        return 1

    async def _keep(self, tenant: str, streams: Mapping[str, set[str]]) -> int:
        shown = await self._mirror.show(tenant, streams)
        count = 0
        for start in range(0, len(shown), _WRITTEN_MAX):
            part = shown[start : start + _WRITTEN_MAX]
            not_kept = await self._gateway.keep(tenant, part)
            await refused.note(self._pool, tenant, part, not_kept)
            gone = {refusal.shown.value for refusal in not_kept}
            for each in part:
                if each.value not in gone:
                    metrics.KEPT.labels(each.type).inc()
            for refusal in not_kept:
                metrics.REFUSED.labels(refusal.shown.type).inc()
                _log.error(
                    "resource refused",
                    tenant=tenant,
                    resource=refusal.shown.type,
                    stream_id=refusal.shown.value,
                    status=refusal.status,
                    reason=refusal.detail,
                )
            count += len(not_kept)
        return count


def filter_subjects() -> tuple[str, ...]:
    """The subjects of events that are shown, of every tenant and partition."""
    return tuple(".".join(("billing", "*", "*", *subject_parts(type_))) for type_ in TYPES)


def _age_seconds(event: Noted) -> float:
    return (datetime.now(UTC) - event.recorded_at).total_seconds()


def _note_away(events: Sequence[Noted], away: Exception, again_seconds: float) -> None:
    metrics.AWAY.inc()
    metrics.LAG_SECONDS.set(_age_seconds(events[0]))
    _log.error(
        "events wait: the FHIR server or Postgres is away",
        first_position=events[0].position,
        events=len(events),
        again_seconds=again_seconds,
        error=repr(away),
    )


def _note_taken(events: Sequence[Noted]) -> None:
    metrics.POSITION.set(events[-1].position)
    metrics.LAG_SECONDS.set(0)
