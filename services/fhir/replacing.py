"""One resource made or replaced: locked, compared with what the caller expects, written."""

from importlib.resources import files
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.fhir.facts import facts_of, subject_id, tokens_of
from services.fhir.problem import refused
from services.fhir.stored import Scope, Stored, as_written, check_match, opened, sealed, stored
from services.fhir.writing import LOCK, TOKENS, Row, write
from services.sealing import make_keys_within

HISTORY: Final = (files("services.fhir") / "sql" / "history.sql").read_text()

BYTES_MAX: Final = 1024 * 1024
"""Of a resource as it is kept, however it came to be."""


class Written(NamedTuple):
    """What a change came to."""

    found: Stored
    is_new: bool
    is_changed: bool = True


async def replace(
    connection: PoolConnectionProxy, scope: Scope, resource: dict[str, Any], if_match: str | None
) -> Written:
    """Write the next version of a valid resource under its id, unless it says nothing new.

    Raises FhirProblem, and what `write` raises.
    """
    type_, id_ = resource["resourceType"], resource["id"]
    row = await connection.fetchrow(LOCK, scope.tenant, [type_], [id_])
    if row is not None and scope.organization_id not in ("", row["organization_id"]):
        raise refused(403, "forbidden", f"{type_}/{id_} is not of this organisation")
    current = None
    if row is not None:  # in a statement of its own, which sees what was waited for
        asked = (scope.tenant, type_, id_, "", row["version"], 1, None, 1)
        (version,) = await connection.fetch(HISTORY, *asked)
        current = opened(scope.tenant, version)
    check_match(if_match, current)
    text = as_written(resource, id_)
    if len(text.encode()) > BYTES_MAX:  # a patch is small, and what it makes need not be
        raise refused(422, "too-long", f"a resource has at most {BYTES_MAX} bytes")
    if current is not None and current.text == text:
        return Written(current, is_new=False, is_changed=False)
    found = await _write_next(connection, scope, resource, text, row)
    return Written(found, is_new=row is None)


async def _write_next(
    connection: PoolConnectionProxy,
    scope: Scope,
    resource: dict[str, Any],
    text: str,
    row: asyncpg.Record | None,
) -> Stored:
    facts = facts_of(scope.tenant, resource)
    own = (await make_keys_within(connection, scope.tenant, [TOKENS]))[TOKENS]
    if facts.subject is not None:
        facts = facts._replace(subject=subject_id(own, facts.subject))
    wanted = [] if facts.subject is None else [facts.subject]
    keys = await make_keys_within(connection, scope.tenant, wanted)
    written = Row(
        type=resource["resourceType"],
        id=resource["id"],
        version=row["version"] + 1 if row else 1,
        organization_id=row["organization_id"] if row else scope.organization_id,
        facts=facts,
        log_position=row["log_position"] if row else None,
        body=sealed(keys, scope.tenant, facts.subject, text),
        tokens=tokens_of(own, facts.identifiers),
        tokens_before=row["tokens"] if row else (),
    )
    at = await connection.fetchval("SELECT clock_timestamp()")
    await write(connection, scope.tenant, at, [written])
    return stored(written.version, at, text, written.organization_id, written.log_position)
