"""Resources of our own in the embedded store, a batch at a time: the newer one of two stays."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.fhir.facts import Facts, facts_of, subject_id, tokens_of
from services.fhir.naming import id_here, with_literals
from services.fhir.showing import Shown
from services.fhir.stored import as_written, sealed
from services.fhir.writing import LOCK, OVERTAKEN, TOKENS, Row, write
from services.sealing import make_keys_within
from services.tenant_view import tenant_view

_TIMES_MAX: Final = 5


class _Wanted(NamedTuple):
    id: str
    shown: Shown
    facts: Facts
    text: str


async def keep(pool: asyncpg.Pool, tenant: str, shown: Sequence[Shown]) -> None:
    """Write these resources, each of which is named once; the pool acts as daybook_writer.

    Raises UniqueViolationError when others go on writing the same ones, and what asyncpg raises
    when Postgres is away.
    """
    wanted = sorted(
        (_wanted(tenant, each) for each in shown), key=lambda each: (each.shown.type, each.id)
    )
    for _ in range(_TIMES_MAX):
        try:
            async with tenant_view(pool, tenant) as connection:
                await _keep(connection, tenant, wanted)
        except OVERTAKEN as overtaken:
            last = overtaken
        else:
            return
    raise last


def _wanted(tenant: str, shown: Shown) -> _Wanted:
    id_ = id_here(shown.value)
    if id_ is None:
        raise ValueError(f"{shown.value!r} cannot be an id of FHIR")
    resource = with_literals(shown.resource) | {"id": id_}
    return _Wanted(id_, shown, facts_of(tenant, resource), as_written(resource, id_))


async def _keep(connection: PoolConnectionProxy, tenant: str, wanted: Sequence[_Wanted]) -> None:
    types, ids = [each.shown.type for each in wanted], [each.id for each in wanted]
    rows = await connection.fetch(LOCK, tenant, types, ids)
    known = {(row["type"], row["id"]): row for row in rows}
    newer = [each for each in wanted if _is_newer(each, known.get((each.shown.type, each.id)))]
    if not newer:
        return
    own = (await make_keys_within(connection, tenant, [TOKENS]))[TOKENS]
    subjects = [each.facts.subject and subject_id(own, each.facts.subject) for each in newer]
    keys = await make_keys_within(connection, tenant, {each for each in subjects if each})
    written = []
    for each, subject in zip(newer, subjects, strict=True):
        row = known.get((each.shown.type, each.id))
        version = 1 if row is None else row["version"] + 1
        organization_id = "" if row is None else row["organization_id"]
        body = sealed(keys, tenant, subject, each.text)
        tokens = tokens_of(own, each.facts.identifiers)
        position = each.shown.position
        names = (each.shown.type, each.id, version, organization_id)
        before = () if row is None else row["tokens"]
        written.append(
            Row(*names, each.facts._replace(subject=subject), position, body, tokens, before)
        )
    at = await connection.fetchval("SELECT clock_timestamp()")
    await write(connection, tenant, at, written)


def _is_newer(wanted: _Wanted, row: asyncpg.Record | None) -> bool:
    return row is None or (row["log_position"] or 0) < wanted.shown.position
