"""The activity of RemittancePosting: match each claim, adjust, pay, note what became of it.

What a claim's postings are is decided here, their amounts never: they are the payer's own, and the
domain says how they fall on the invoice.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import asyncpg
import msgspec
import structlog
from temporalio import activity

from contracts.remittance import ClaimOutcome, ClaimResult, RemittanceReceived
from domain.remittance import SettleClaims
from services.execute.envelope import Refused
from services.execute.executor import Executor
from services.sagas import metrics, waits
from services.sagas.claim import OpenClaim, adjusting, open_claims, paying
from services.sagas.ledger import Source, read_sources
from services.sagas.matching import Nothing, NotYet, Voided, awaits, match_claims
from services.sagas.messages import ClaimsPosted, PostClaims
from services.sagas.pulse import heartbeats
from services.sagas.settings import SagaSettings, read_settings
from services.sagas.steps import Step, execute_steps, this_workflow, try_again, unknown
from services.tenant_view import tenant_view

CLAIMS_PER_ROUND_MAX: Final = 1_000

_log = structlog.get_logger()


class Posting:
    """Posts remittances; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool) -> None:
        self._executor = executor
        self._pool = pool

    @activity.defn(name="post_claims")
    async def post(self, work: PostClaims) -> ClaimsPosted:
        """Post the claims whose invoice is issued, park what cannot be posted, name who waits."""
        async with heartbeats():
            async with tenant_view(self._pool, work.tenant) as connection:
                settings = await read_settings(connection, work.tenant)
                found = await read_sources(
                    connection, work.tenant, work.remittance_ids, RemittanceReceived
                )
            claims = [claim for source in found for claim in open_claims(source, work.parked_too)]
            for start in range(0, len(claims), CLAIMS_PER_ROUND_MAX):
                await self._post(claims[start : start + CLAIMS_PER_ROUND_MAX], work, settings)
        if again := [claim.again for claim in claims if claim.again is not None]:
            raise try_again("claims", len(again), again[0])
        if missing := sorted(set(work.remittance_ids) - {source.stream_id for source in found}):
            raise unknown("remittance", missing)
        await self._forget(work, found, [claim for claim in claims if claim.waits])
        waiting = {claim.source.stream_id for claim in claims if claim.waits}
        return ClaimsPosted(
            waiting=tuple(each for each in work.remittance_ids if each in waiting),
            wait_days=settings.remittance_wait_days,
        )

    async def _post(
        self, claims: Sequence[OpenClaim], work: PostClaims, settings: SagaSettings
    ) -> None:
        await self._match(claims, work, settings)
        await self._execute(claims, adjusting)
        # Only now: a claim whose adjustment does not fit is parked with its payment.
        await self._execute(claims, paying)
        await self._settle(claims)

    async def _match(
        self, claims: Sequence[OpenClaim], work: PostClaims, settings: SagaSettings
    ) -> None:
        """Find invoices; what has none yet is registered to wait and looked at once more."""
        left = await self._look([claim for claim in claims if claim.needs_invoice], work.tenant)
        if left and not work.give_up:
            lasting = [claim for claim in left if not claim.was_parked]
            await waits.register(self._pool, work.tenant, _keys_of(lasting), this_workflow())
            left = await self._look(left, work.tenant)
        for claim in left:
            if work.give_up or claim.was_parked:
                days = settings.remittance_wait_days
                claim.park(f"no invoice of the claim was issued within {days} days")
            else:
                claim.waits = True

    async def _look(self, claims: Sequence[OpenClaim], tenant: str) -> list[OpenClaim]:
        """Match claims; returns those without an issued invoice."""
        if not claims:
            return []
        async with tenant_view(self._pool, tenant) as connection:
            found = await match_claims(connection, tenant, [claim.claim for claim in claims])
        left = []
        for claim, match in zip(claims, found, strict=True):
            if isinstance(match, NotYet):
                left.append(claim)
            elif isinstance(match, Nothing):
                claim.without_invoice(match.encounter_id)
            elif isinstance(match, Voided):
                claim.park(f"invoice {match.number} was voided: post the payment by hand")
            else:
                claim.invoiced = match
        return left

    async def _execute(
        self, claims: Sequence[OpenClaim], steps_of: Callable[[OpenClaim], Iterable[Step]]
    ) -> None:
        steps = [(claim, step) for claim in claims if claim.goes_on for step in steps_of(claim)]
        outcomes = await execute_steps(self._executor, [step for _, step in steps])
        for (claim, _), outcome in zip(steps, outcomes, strict=True):
            if isinstance(outcome, Refused):
                claim.refused(outcome)

    async def _settle(self, claims: Sequence[OpenClaim]) -> None:
        """Note what became of the claims; the last ones complete their remittance."""
        settled: dict[str, list[OpenClaim]] = defaultdict(list)
        for claim in claims:
            if claim.settle() is not None:
                settled[claim.source.stream_id].append(claim)
        steps = [_settling(some[0].source, some) for some in settled.values()]
        outcomes = await execute_steps(self._executor, steps)
        for some, outcome in zip(settled.values(), outcomes, strict=True):
            for claim in some:
                if isinstance(outcome, Refused):
                    claim.again = f"{outcome.code}: {outcome.detail}"
                elif not outcome.replayed:
                    _report(claim)

    async def _forget(
        self, work: PostClaims, found: Sequence[Source], waiting: Sequence[OpenClaim]
    ) -> None:
        """Let this workflow be woken no more for what only settled claims waited for."""
        every = {
            key
            for source in found
            for claim in source.event.claims
            for key in awaits(work.tenant, claim)
        }
        done = every.difference(_keys_of(waiting))
        await waits.forget(self._pool, work.tenant, done, this_workflow())


def _settling(source: Source, claims: Sequence[OpenClaim]) -> Step:
    outcomes = tuple(claim.outcome for claim in claims if claim.outcome is not None)
    digest = hashlib.sha256(msgspec.json.encode(outcomes)).digest()
    command = SettleClaims(remittance_id=source.event.remittance_id, outcomes=outcomes)
    # Named after its content: how many claims are settled at once depends on what was there.
    return Step(source, f"settle/{digest.hex()[:32]}", command, digest)


def _keys_of(claims: Iterable[OpenClaim]) -> set[str]:
    return {key for claim in claims for key in awaits(claim.source.tenant, claim.claim)}


def _report(claim: OpenClaim) -> None:
    outcome: ClaimOutcome | None = claim.outcome
    if outcome is not None and outcome.result is ClaimResult.PARKED:
        metrics.PARKED.labels("remittance").inc()
        _log.warning(
            "claim parked",
            tenant=claim.source.tenant,
            correlation_id=claim.source.cause.correlation_id,
            remittance_id=claim.source.stream_id,
            claim=outcome.claim,
            detail=outcome.detail,
        )
