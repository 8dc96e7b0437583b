"""Encounters that need attention, for operators: which they are, and what is wrong with each."""

from typing import Final

import asyncpg
import msgspec

from domain.encounter import AttentionRequired
from services.execute.load import decode_state
from services.listed import LISTED_MAX, Listed, found_by, listed
from services.sagas.ledger import sql
from services.tenant_view import tenant_view

_PARKED: Final = sql("parked_encounters.sql")


class ParkedEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """An encounter that waits for somebody, and why."""

    encounter_id: str
    problems: list[str]


async def list_encounters(
    pool: asyncpg.Pool, tenant: str, *, limit: int = LISTED_MAX, after: str | None = None
) -> Listed[ParkedEncounter]:
    """Those of a tenant in the order of their ids; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant) as connection:
        rows = await connection.fetch(_PARKED, tenant, after, limit)
    states = [(row["stream_id"], decode_state(row["stream_id"], row["state"])) for row in rows]
    items = [
        _parked(stream_id, state)
        for stream_id, state in states
        if isinstance(state, AttentionRequired)
    ]
    return listed(items, [stream_id for stream_id, _ in states], found_by(rows))


def _parked(stream_id: str, state: AttentionRequired) -> ParkedEncounter:
    return ParkedEncounter(
        encounter_id=stream_id,
        problems=[
            f"service {problem.line}: {problem.code}: {problem.detail}"
            for problem in state.problems
        ],
    )
