"""Resources and their versions as rows: what locks them, and the statement that writes them."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Final, NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.fhir.facts import Facts
from services.fhir.searching import Asked
from services.fhir.stored import Scope

OVERTAKEN: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.DeadlockDetectedError,
)
"""Somebody else wrote this version, or forgot the person, between our look and our writing: who
forgets holds the key and waits for the resource that we hold."""
TOKENS: Final = " fhir-identifiers"
"""Names the key of a tenant's identifiers: no person's id begins with a space."""
_SQL: Final = files("services.fhir") / "sql"
LOCK: Final = (_SQL / "lock.sql").read_text()
_HOLD: Final = "SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS u (k)"
_UNNAME: Final = (
    "DELETE FROM fhir_identifiers i"
    " USING unnest($2::text[], $3::text[], $4::bytea[]) AS g (type, id, token)"
    " WHERE (i.tenant, i.type, i.id, i.token) = ($1, g.type, g.id, g.token)"
)
_WRITE: Final = (_SQL / "write.sql").read_text()


class Row(NamedTuple):
    """The next version of a resource."""

    type: str
    id: str
    version: int
    organization_id: str
    facts: Facts
    log_position: int | None
    body: str
    """As it is stored: sealed where it is of a subject."""
    tokens: list[bytes]
    tokens_before: Sequence[bytes]
    """Those of the version before."""


async def write(
    connection: PoolConnectionProxy, tenant: str, at: datetime, rows: Sequence[Row]
) -> None:
    """Write these, each once; raises UniqueViolationError where somebody was faster, and
    ForeignKeyViolationError where a person was forgotten meanwhile."""
    gone = [
        (row.type, row.id, token) for row in rows for token in {*row.tokens_before} - {*row.tokens}
    ]
    if gone:
        await connection.execute(_UNNAME, tenant, *map(list, zip(*gone, strict=True)))
    named = [(row.type, row.id, token) for row in rows for token in row.tokens]
    await connection.execute(
        _WRITE,
        tenant,
        at,
        [row.type for row in rows],
        [row.id for row in rows],
        [row.version for row in rows],
        [row.organization_id for row in rows],
        [row.facts.subject for row in rows],
        [row.facts.status for row in rows],
        [row.log_position for row in rows],
        [row.body for row in rows],
        *(list(column) for column in (zip(*named, strict=True) if named else ((), (), ()))),
    )


async def hold(connection: PoolConnectionProxy, scope: Scope, type_: str, asked: Asked) -> None:
    """Wait for whoever goes by the same identifiers, in one order for everybody.

    By their values alone, since one may name the system and another not.
    """
    named = (f"{scope.tenant}\0{type_}\0{each.value}" for each in asked.identifiers or ())
    digests = (hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest() for name in named)
    keys = {int.from_bytes(digest[:8], signed=True) for digest in digests}
    await connection.execute(_HOLD, sorted(keys))
