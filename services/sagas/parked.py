"""Remittances with parked claims, for operators: which claims, and what stands against each."""

from typing import Any, Final

import asyncpg
import msgspec

from contracts.catalogue import decode
from contracts.ids import RemittanceId
from contracts.remittance import ClaimOutcome, ClaimResult, RemittanceClaim, RemittanceReceived
from services.sagas.ledger import sql, tenant_view

_PARKED: Final = sql("parked_remittances.sql")


class ParkedClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that waits for somebody, and why."""

    claim: int
    named: str
    """What the payer calls it: our invoice, its claim or the encounter."""
    paid: str
    detail: str


class ParkedRemittance(msgspec.Struct, frozen=True, kw_only=True):
    """A remittance some of whose claims wait for somebody."""

    remittance_id: RemittanceId
    payer: str
    remittance_ref: str
    claims: list[ParkedClaim]


async def parked_remittances(
    pool: asyncpg.Pool, tenant: str, remittance_id: str | None = None
) -> list[ParkedRemittance]:
    """Those of a tenant, or the one of them that is named; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant) as connection:
        rows = await connection.fetch(_PARKED, tenant, remittance_id)
    found = []
    for row in rows:
        received: Any = decode(row["type"], row["body"])
        outcomes: dict[int, ClaimOutcome] = {}
        for type_, body in zip(row["types"], row["bodies"], strict=True):
            noted: Any = decode(type_, body)
            outcomes |= {outcome.claim: outcome for outcome in noted.outcomes}
        found.append(_parked(received, outcomes))
    return found


def _parked(received: RemittanceReceived, outcomes: dict[int, ClaimOutcome]) -> ParkedRemittance:
    return ParkedRemittance(
        remittance_id=received.remittance_id,
        payer=received.payer,
        remittance_ref=received.remittance_ref,
        claims=[
            _parked_claim(received.claims[number], outcome)
            for number, outcome in sorted(outcomes.items())
            if outcome.result is ClaimResult.PARKED
        ],
    )


def _parked_claim(claim: RemittanceClaim, outcome: ClaimOutcome) -> ParkedClaim:
    return ParkedClaim(
        claim=outcome.claim,
        named=claim.invoice or claim.claim_ref or claim.encounter_ref or "?",
        paid=f"{claim.paid.amount} {claim.paid.currency}",
        detail=outcome.detail or "",
    )
