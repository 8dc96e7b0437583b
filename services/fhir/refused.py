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
    "DELETE FROM fhir_refused r USING unnest($2::text[], $3::text[]) AS k (type, stream_id)"
    " WHERE (r.tenant, r.type, r.stream_id) = ($1, k.type, k.stream_id)"
)
_NOTE: Final = (
    "INSERT INTO fhir_refused (tenant, type, stream_id, position, status, detail)"
    " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::integer[], $6::text[])"
    " ON CONFLICT (tenant, type, stream_id) DO UPDATE SET position = excluded.position,"
    " status = excluded.status, detail = excluded.detail, refused_at = clock_timestamp()"
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
    """Of what was shown these were refused; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant) as connection:
        named = [each.type for each in shown], [each.value for each in shown]
        await connection.execute(_FORGET, tenant, *named)
        if refused:
            await connection.execute(
                _NOTE,
                tenant,
                [each.shown.type for each in refused],
                [each.shown.value for each in refused],
                [each.shown.position for each in refused],
                [each.status for each in refused],
                [each.detail.replace("\0", "")[:_DETAIL_LETTERS_MAX] for each in refused],
            )


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
