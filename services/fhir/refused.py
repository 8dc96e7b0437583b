"""What the FHIR server refused, kept until it takes it."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from services.fhir.showing import Shown
from services.listed import LISTED_MAX, Listed, found_by, listed
from services.ports import NotKept
from services.tenant_view import tenant_view

_DETAIL_LETTERS_MAX: Final = 500
_FORGET: Final = (
    "DELETE FROM fhir_refused r"
    " USING unnest($2::text[], $3::text[], $4::bigint[]) AS k (type, stream_id, position)"
    " WHERE (r.tenant, r.type, r.stream_id) = ($1, k.type, k.stream_id)"
    " AND r.position <= k.position"
)
_NOTE: Final = (
    "INSERT INTO fhir_refused (tenant, type, stream_id, position, status, detail, cause)"
    " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::integer[], $6::text[],"
    " $7::text[])"
    " ON CONFLICT (tenant, type, stream_id) DO UPDATE SET position = excluded.position,"
    " status = excluded.status, detail = excluded.detail, cause = excluded.cause,"
    " refused_at = clock_timestamp() WHERE fhir_refused.position <= excluded.position"
)
_CAUSES: Final = (
    "SELECT stream_id, cause FROM fhir_refused"
    " WHERE tenant = $1 AND ($2::text[] IS NULL OR stream_id = ANY ($2))"
)
_LIST: Final = (
    "SELECT type, stream_id, position, status, detail, count(*) OVER () AS found"
    " FROM fhir_refused WHERE tenant = $1 AND ($2::text IS NULL OR stream_id > $2)"
    " ORDER BY stream_id LIMIT $3"
)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that the server refused, and the ledger's id of what it shows."""

    stream_id: str
    type: str
    position: int
    status: int
    detail: str


async def note(
    pool: asyncpg.Pool, tenant: str, shown: Sequence[Shown], refused: Sequence[NotKept]
) -> None:
    """Of what was shown these were refused; the pool acts as daybook_writer.

    What comes late says nothing of a later state: neither that it is taken nor that it is refused.
    """
    gone = {(each.shown.type, each.shown.value) for each in refused}
    taken = [each for each in shown if (each.type, each.value) not in gone]
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(
            _FORGET,
            tenant,
            [each.type for each in taken],
            [each.value for each in taken],
            [each.position for each in taken],
        )
        if refused:
            await connection.execute(
                _NOTE,
                tenant,
                [each.shown.type for each in refused],
                [each.shown.value for each in refused],
                [each.shown.position for each in refused],
                [each.status for each in refused],
                [each.detail.replace("\0", "")[:_DETAIL_LETTERS_MAX] for each in refused],
                [each.shown.cause for each in refused],
            )


async def causes(
    pool: asyncpg.Pool, tenant: str, stream_ids: Sequence[str] | None
) -> dict[str, str | None]:
    """Of what was refused of these, or of everything: the invoice that was shown with each; the
    pool acts as daybook_writer."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_CAUSES, tenant, stream_ids)
    return {row["stream_id"]: row["cause"] for row in rows}


async def list_refused(
    pool: asyncpg.Pool, tenant: str, *, limit: int = LISTED_MAX, after: str | None = None
) -> Listed[Refusal]:
    """What was refused, in the order of the ledger's ids; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_LIST, tenant, after, limit)
    items = [
        Refusal(
            stream_id=row["stream_id"],
            type=row["type"],
            position=row["position"],
            status=row["status"],
            detail=row["detail"],
        )
        for row in rows
    ]
    return listed(items, [each.stream_id for each in items], found_by(rows))
