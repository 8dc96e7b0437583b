"""The activity of ChargeFromEncounter: open, capture, draft, issue, then finish or park.

Each round reads how far an encounter is and goes on from there, so a repeat, a crash between two
steps or another worker on the same encounter all lead to the same ledger.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from temporalio import activity

from contracts.encounter import EncounterReceived
from contracts.ids import InvoiceId
from domain import naming
from domain.encounter import AttentionRequired, Received
from domain.invoice import CreateDraftInvoice
from services.code_checks import UNVERIFIED
from services.execute.envelope import Outcome, Refused
from services.execute.executor import Executor
from services.sagas import metrics, waits
from services.sagas.case import Case, capturing, case_of, closing, invoicing
from services.sagas.ledger import (
    Connection,
    read_open_charges,
    read_sources,
    read_states,
)
from services.sagas.messages import Encounters, EncountersCharged
from services.sagas.pulse import heartbeats
from services.sagas.settings import SagaSettings, read_settings
from services.sagas.steps import Step, execute_steps, this_workflow, try_again, unknown
from services.tenant_view import tenant_view

SERVICES_PER_ROUND_MAX: Final = 2_000
UNVERIFIED_ATTEMPTS_MAX: Final = 20
"""With the pauses between attempts (see encounter.py) some six minutes."""

_log = structlog.get_logger()


class Charging:
    """Charges encounters; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool) -> None:
        self._executor = executor
        self._pool = pool

    @activity.defn(name="charge_encounters")
    async def charge(self, work: Encounters) -> EncountersCharged:
        """Charge and invoice what can be; the rest is parked. Billed ones are left as they are."""
        async with heartbeats():
            async with tenant_view(self._pool, work.tenant) as connection:
                settings = await read_settings(connection, work.tenant)
                found = await read_sources(
                    connection, work.tenant, work.encounter_ids, EncounterReceived
                )
            cases = [case_of(source) for source in found if isinstance(source.state, Received)]
            for some in _rounds(cases):
                await self._charge(some, work.tenant, settings)
            suspects = [
                each.stream_id for each in found if isinstance(each.state, AttentionRequired)
            ]
            suspects += [case.encounter_id for case in cases if case.problems]
            parked, again = await self._wait_for(suspects, work)
        again += [case.again for case in cases if case.again is not None]
        if again:
            raise try_again("encounters", len(again), again[0])
        if missing := sorted(set(work.encounter_ids) - {source.stream_id for source in found}):
            raise unknown("encounter", missing)
        return EncountersCharged(parked=tuple(parked))

    async def _wait_for(
        self, encounter_ids: Sequence[str], work: Encounters
    ) -> tuple[list[str], list[str]]:
        """Have this workflow woken for what is parked; also why others are to be tried again.

        Whoever resumes before we are registered is seen in the look that follows.
        """
        await waits.register(self._pool, work.tenant, encounter_ids, this_workflow())
        async with tenant_view(self._pool, work.tenant) as connection:
            states = await read_states(connection, work.tenant, encounter_ids)
        parked = [each for each in encounter_ids if isinstance(states[each], AttentionRequired)]
        resumed = [each for each in encounter_ids if isinstance(states[each], Received)]
        done = set(work.encounter_ids).difference(parked, resumed)
        await waits.forget(self._pool, work.tenant, done, this_workflow())
        return parked, [f"{encounter_id} was resumed just now" for encounter_id in resumed]

    async def _charge(self, cases: Sequence[Case], tenant: str, settings: SagaSettings) -> None:
        await self._capture(cases)
        await self._invoice([case for case in cases if case.again is None], tenant, settings)
        await self._close([case for case in cases if case.again is None])

    async def _capture(self, cases: Sequence[Case]) -> None:
        """Open each account and capture each service."""
        steps = [step for case in cases for step in capturing(case)]
        outcomes = iter(await execute_steps(self._executor, steps))
        for case in cases:
            opened = next(outcomes)
            if isinstance(opened, Refused):
                case.refused(opened)
            for line in range(len(case.encounter.services)):
                outcome = next(outcomes)
                if not isinstance(outcome, Refused):
                    case.captured.append(naming.encounter_charge_id(case.encounter_id, line))
                elif not isinstance(opened, Refused):
                    case.refused(_or_later(outcome), line)

    async def _invoice(self, cases: Sequence[Case], tenant: str, settings: SagaSettings) -> None:
        """Put what is on no invoice yet on the encounter's next one, and issue what is a draft."""
        charges = [(case.account_id, charge) for case in cases for charge in case.captured]
        async with tenant_view(self._pool, tenant) as connection:
            # In this order: an invoice that takes a charge in between is then seen as well.
            still_open = await read_open_charges(connection, tenant, charges)
            states = await _read_invoices(connection, cases, tenant)
        steps: list[tuple[Case, Step]] = []
        for case in cases:
            steps += [(case, step) for step in invoicing(case, still_open, states, settings)]
        outcomes = await execute_steps(self._executor, [step for _, step in steps])
        for (case, step), outcome in zip(steps, outcomes, strict=True):
            _note_invoice(case, step, outcome)

    async def _close(self, cases: Sequence[Case]) -> None:
        """Park what has problems, finish the others."""
        outcomes = await execute_steps(self._executor, [closing(case) for case in cases])
        for case, outcome in zip(cases, outcomes, strict=True):
            if isinstance(outcome, Refused):
                case.again = f"{outcome.code}: {outcome.detail}"
            elif case.problems and not outcome.replayed:
                metrics.PARKED.labels("encounter").inc()
                _log.warning(
                    "encounter needs attention",
                    tenant=case.source.tenant,
                    correlation_id=case.source.cause.correlation_id,
                    encounter_id=case.encounter_id,
                    codes=sorted({problem.code for problem in case.problems}),
                )


def _or_later(refused: Refused) -> Refused:
    """A code that cannot be verified is tried again for minutes; then it parks its encounter."""
    is_open = refused.code == UNVERIFIED and activity.info().attempt < UNVERIFIED_ATTEMPTS_MAX
    return msgspec.structs.replace(refused, transient=True) if is_open else refused


def _rounds(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases in parts whose services are not too many for one go."""
    some: list[Case] = []
    count = 0
    for case in cases:
        services = len(case.encounter.services)
        if some and count + services > SERVICES_PER_ROUND_MAX:
            yield some
            some, count = [], 0
        some.append(case)
        count += services
    if some:
        yield some


async def _read_invoices(
    connection: Connection, cases: Sequence[Case], tenant: str
) -> dict[str, Any]:
    """The states of the encounters' invoices; each case learns its own, which count from 0."""
    ahead = 2
    while True:
        named = {id(case): _invoice_ids(case, ahead) for case in cases}
        wanted = [invoice_id for ids in named.values() for invoice_id in ids]
        states = await read_states(connection, tenant, wanted)
        for case in cases:
            case.invoices = [found for found in named[id(case)] if found in states]
        # Usually there is one a resume; a crash while somebody mends can make more.
        if all(len(case.invoices) < len(named[id(case)]) for case in cases):
            return states
        ahead *= 2


def _invoice_ids(case: Case, ahead: int) -> list[InvoiceId]:
    return [
        naming.encounter_invoice_id(case.encounter_id, number)
        for number in range(case.source.state.resumed + ahead)
    ]


def _note_invoice(case: Case, step: Step, outcome: Outcome) -> None:
    if isinstance(outcome, Refused):
        case.moved(outcome)
    elif isinstance(step.command, CreateDraftInvoice) and outcome.replayed:
        # Another worker drafted it just now, maybe with fewer charges: look at what is still open.
        case.again = "its invoice was drafted at the same time"
