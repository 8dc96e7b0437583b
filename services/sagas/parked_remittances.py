"""Remittances with parked claims, for operators: which claims, and what stands against each."""

from typing import Any, Final

import asyncpg
import msgspec

from contracts.catalogue import decode
from contracts.ids import RemittanceId
from contracts.remittance import ClaimOutcome, ClaimResult, RemittanceClaim, RemittanceReceived
from services.listed import LISTED_MAX, Listed, found_by, listed
from services.sagas.ledger import sql
from services.tenant_view import tenant_view

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


async def list_remittances(
    pool: asyncpg.Pool, tenant: str, *, limit: int = LISTED_MAX, after: str | None = None
) -> Listed[ParkedRemittance]:
    """Those of a tenant in the order of their ids; the pool acts as daybook_writer."""
    rows = await _rows(pool, tenant, None, after, limit)
    items = [_remittance(row) for row in rows]
    return listed(items, [item.remittance_id for item in items], found_by(rows))


async def parked_remittance(
    pool: asyncpg.Pool, tenant: str, remittance_id: str
) -> ParkedRemittance | None:
    """The one of this id; None when nothing of it is parked."""
    rows = await _rows(pool, tenant, remittance_id, None, 1)
    return _remittance(rows[0]) if rows else None


async def _rows(
    pool: asyncpg.Pool, tenant: str, remittance_id: str | None, after: str | None, limit: int
) -> list[asyncpg.Record]:
    async with tenant_view(pool, tenant) as connection:
        rows: list[asyncpg.Record] = await connection.fetch(
            _PARKED, tenant, remittance_id, after, limit
        )
    return rows


def _remittance(row: asyncpg.Record) -> ParkedRemittance:
    received: Any = decode(row["type"], row["body"])
    outcomes: dict[int, ClaimOutcome] = {}
    for type_, body in zip(row["types"], row["bodies"], strict=True):
        noted: Any = decode(type_, body)
        outcomes |= {outcome.claim: outcome for outcome in noted.outcomes}
    return _parked(received, outcomes)


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
