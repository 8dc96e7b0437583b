"""What the FHIR server refused, kept until it takes it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from services.fhir.showing import Shown
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
    "SELECT type, stream_id, position, status, detail FROM fhir_refused"
    " WHERE tenant = $1 AND stream_id > $2 ORDER BY stream_id LIMIT $3"
)


class Refusal(NamedTuple):
    """A resource that the server refused."""

    type: str
    stream_id: str
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
    pool: asyncpg.Pool, tenant: str, limit: int, after: str = ""
) -> list[Refusal]:
    """What was refused, in the order of the ledger's ids, behind one of them."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_LIST, tenant, after, limit)
    return [Refusal(**row) for row in rows]
