"""The embedded FHIR store: interactions over Postgres, each one transaction of its tenant."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.fhir.facts import ID, facts_of, subject_id, token_asked
from services.fhir.patching import patched
from services.fhir.problem import FhirProblem, not_found, refused
from services.fhir.replacing import HISTORY, Written, replace
from services.fhir.searching import Asked
from services.fhir.stored import (
    Scope,
    Stored,
    check_match,
    fresh_id,
    opened,
)
from services.fhir.validating import check_id, kind_of, validated
from services.fhir.writing import OVERTAKEN, TOKENS, hold
from services.sealing import make_keys_within
from services.tenant_view import tenant_view

HISTORY_MAX: Final = 200
PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""So much is read before a page ends: what is read is read in the event loop of everybody."""
TIMES_MAX: Final = 5

_SQL: Final = files("services.fhir") / "sql"
_FIND: Final = (_SQL / "find.sql").read_text()
_COUNT: Final = (_SQL / "count.sql").read_text()
_ORGANIZATION: Final = (
    "SELECT EXISTS (SELECT FROM fhir_resources"
    " WHERE tenant = $1 AND type = 'Organization' AND id = $2)"
)


class Page(NamedTuple):
    """A part of what a search found, in the order of ids, or of a history."""

    found: list[Stored]
    has_more: bool
    total: int | None = None


class Store:
    """Reads and writes the resources of any tenant; the pool acts as daybook_writer.

    Every call raises FhirProblem for what FHIR's REST would refuse.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, scope: Scope, type_: str, id_: str) -> Stored:
        """A resource as it is now."""
        _check_id(type_, id_)
        page = await self.search(scope, type_, Asked(ids=(id_,), limit=1))
        if not page.found:
            raise not_found(type_, id_)
        return page.found[0]

    async def history(
        self,
        scope: Scope,
        type_: str,
        id_: str,
        *,
        version: int | None = None,
        before: int | None = None,
    ) -> Page:
        """A page of the versions of a resource, the latest first; never none."""
        _check_id(type_, id_)
        async with self._view(scope, readonly=True) as connection:
            asked = (scope.tenant, type_, id_, scope.organization_id, version)
            limits = (HISTORY_MAX + 1, before, PAGE_BYTES_MAX)
            rows = await connection.fetch(HISTORY, *asked, *limits)
        page = _page(scope, rows, HISTORY_MAX)
        if not page.found:
            raise not_found(type_, id_ if version is None else f"{id_}/_history/{version}")
        return page

    async def search(self, scope: Scope, type_: str, asked: Asked) -> Page:
        """A page of what is found."""
        kind_of(type_)
        async with self._view(
            scope, readonly=not (asked.identifiers or asked.subjects)
        ) as connection:
            return await self._search(connection, scope, type_, asked)

    async def create(
        self, scope: Scope, type_: str, resource: Any, unless: Asked | None = None
    ) -> Written:
        """Make a resource under an id of ours, `unless` one is found: then that one is answered."""
        resource = await validated(type_, resource)
        rest = {name: value for name, value in resource.items() if name != "id"}
        return await self._write(scope, type_, rest, None, unless, is_replaced=False)

    async def update(
        self, scope: Scope, type_: str, id_: str, resource: Any, if_match: str | None = None
    ) -> Written:
        """Make or replace the resource of an id."""
        check_id(id_)
        resource = await validated(type_, resource)
        if resource.get("id") != id_:
            raise refused(400, "invalid", f"the resource's id is not {id_}", f"{type_}.id")
        return await self._write(scope, type_, resource, if_match)

    async def update_found(
        self, scope: Scope, type_: str, asked: Asked, resource: Any, if_match: str | None = None
    ) -> Written:
        """Replace the one resource that is found, or make it; of several callers at once one
        makes it and the others replace it."""
        resource = await validated(type_, resource)
        return await self._write(scope, type_, resource, if_match, asked)

    async def patch(
        self, scope: Scope, type_: str, id_: str, operations: Any, if_match: str | None = None
    ) -> Written:
        """Change a resource by a JSON Patch."""
        for _ in range(TIMES_MAX):
            current = await self.read(scope, type_, id_)
            check_match(if_match, current)
            changed = patched(current.resource, operations)
            try:
                return await self.update(scope, type_, id_, changed, current.etag)
            except FhirProblem as overtaken:
                if overtaken.status != 412:
                    raise
        raise refused(409, "conflict", f"{type_}/{id_} changes all the time: come again")

    async def _write(
        self,
        scope: Scope,
        type_: str,
        resource: dict[str, Any],
        if_match: str | None,
        asked: Asked | None = None,
        *,
        is_replaced: bool = True,
    ) -> Written:
        for _ in range(TIMES_MAX):
            try:
                async with self._view(scope) as connection:
                    id_, found = await self._target(
                        connection, scope, type_, resource, asked, is_replaced=is_replaced
                    )
                    if found is not None and not is_replaced:
                        return Written(found, is_new=False, is_changed=False)
                    whole = {**resource, "id": id_}
                    return await replace(connection, scope, whole, if_match)
            except OVERTAKEN:
                continue  # look again: what is there now decides
        raise refused(409, "conflict", f"this {type_} changes all the time: come again")

    async def _target(
        self,
        connection: PoolConnectionProxy,
        scope: Scope,
        type_: str,
        resource: dict[str, Any],
        asked: Asked | None,
        *,
        is_replaced: bool,
    ) -> tuple[str, Stored | None]:
        """The id that is written, and what a condition found there."""
        given = resource.get("id")
        if asked is None:
            return given or fresh_id(), None
        await hold(connection, scope, type_, asked)
        page = await self._search(connection, scope, type_, asked)
        if len(page.found) > 1:
            raise refused(412, "multiple-matches", f"the condition fits more than one {type_}")
        if not page.found:
            _check_fits(scope, type_, resource, asked)
            if given and (await self._search(connection, scope, type_, Asked(ids=(given,)))).found:
                detail = f"the condition fits nothing, and {type_}/{given} is something else"
                raise refused(409, "conflict", detail)
            return given or fresh_id(), None
        id_ = page.found[0].resource["id"]
        if is_replaced:
            _check_fits(scope, type_, resource, asked)
        if given not in (None, id_):
            raise refused(
                400, "invalid", f"the condition fits {id_}: that is not the resource's id"
            )
        return id_, page.found[0]

    async def _search(
        self, connection: PoolConnectionProxy, scope: Scope, type_: str, asked: Asked
    ) -> Page:
        tokens, subjects = None, None
        if asked.identifiers is not None or asked.subjects is not None:
            own = (await make_keys_within(connection, scope.tenant, [TOKENS]))[TOKENS]
            tokens = asked.identifiers and [token_asked(own, *each) for each in asked.identifiers]
            subjects = asked.subjects and [subject_id(own, each) for each in asked.subjects]
        conditions: Sequence[Any] = (
            *(scope.tenant, type_, scope.organization_id, asked.ids, tokens),
            *(asked.statuses, subjects),
        )
        limits = (asked.after, asked.limit + 1, PAGE_BYTES_MAX)
        rows = await connection.fetch(_FIND, *conditions, *limits)
        total = await connection.fetchval(_COUNT, *conditions) if asked.is_total_wanted else None
        return _page(scope, rows, asked.limit, total)

    @asynccontextmanager
    async def _view(
        self, scope: Scope, *, readonly: bool = False
    ) -> AsyncIterator[PoolConnectionProxy]:
        async with tenant_view(self._pool, scope.tenant, readonly=readonly) as connection:
            if scope.organization_id:
                _check_id("Organization", scope.organization_id)
                if not await connection.fetchval(_ORGANIZATION, *scope):
                    raise not_found("Organization", scope.organization_id)
            yield connection


def _check_fits(scope: Scope, type_: str, resource: dict[str, Any], asked: Asked) -> None:
    """Go on only with what the condition will find: else each time makes another one; raises
    FhirProblem."""
    facts = facts_of(scope.tenant, {"id": "", **resource})
    is_named = any(
        value == each.value and each.system in (None, system)
        for each in asked.identifiers or ()
        for system, value in facts.identifiers
    )
    if not is_named:
        raise refused(400, "invalid", f"this {type_} has not the identifier of the condition")
    if asked.statuses is not None and facts.status not in asked.statuses:
        raise refused(400, "invalid", f"this {type_} has not the status of the condition")


def _page(
    scope: Scope, rows: Sequence[asyncpg.Record], limit: int, total: int | None = None
) -> Page:
    """Of rows of find.sql or history.sql, of which one more than the limit was asked for."""
    found = (opened(scope.tenant, row) for row in rows[:limit])
    has_more = bool(rows) and rows[0]["found_count"] > min(len(rows), limit)
    return Page([each for each in found if each], has_more, total)


def _check_id(type_: str, id_: str) -> None:
    """Nothing is kept under what is no id; raises FhirProblem."""
    kind_of(type_)
    if not ID.fullmatch(id_):
        raise not_found(type_, id_[:100])
