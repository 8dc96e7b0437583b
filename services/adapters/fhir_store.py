"""The embedded FHIR store without HTTP in between: for our own processes, of any tenant."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from services.execute.faults import is_away
from services.fhir.keeping import keep
from services.fhir.problem import FhirProblem, refused
from services.fhir.searching import COUNT_MAX, Identifier, read_criteria, read_search
from services.fhir.showing import Shown
from services.fhir.store import Store
from services.fhir.stored import Scope
from services.fhir.validating import kind_of
from services.fhir.writing import OVERTAKEN
from services.ports import FhirAway, FhirRefused, NotKept

FOUND_MAX: Final = 10_000


class StoredFhir:
    """A FhirClient of one tenant or organisation; the pool acts as daybook_writer."""

    def __init__(self, pool: asyncpg.Pool, tenant: str, organization_id: str | None = None) -> None:
        self._store = Store(pool)
        self._scope = Scope(tenant, organization_id or "")

    async def read(self, type_: str, id_: str) -> dict[str, Any] | None:
        """See FhirClient."""
        try:
            async with _as_port():
                return (await self._store.read(self._scope, type_, id_)).resource
        except FhirRefused as none:
            if none.status != 404:
                raise
            return None

    async def search(self, type_: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """See FhirClient."""
        found: list[dict[str, Any]] = []
        async with _as_port():
            asked = read_search(kind_of(type_), [*params.items()], is_strict=True)
            asked = asked._replace(limit=COUNT_MAX)
            while True:
                page = await self._store.search(self._scope, type_, asked)
                found += [each.resource for each in page.found]
                if not page.has_more or not page.found:
                    return found
                if len(found) >= FOUND_MAX:
                    raise refused(413, "too-costly", f"more than {FOUND_MAX} are found")
                asked = asked._replace(after=found[-1]["id"])

    async def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """See FhirClient."""
        type_ = str(resource.get("resourceType"))
        async with _as_port():
            return (await self._store.create(self._scope, type_, resource)).found.resource

    async def upsert(
        self, resource: dict[str, Any], identifier: str | None = None
    ) -> dict[str, Any]:
        """See FhirClient."""
        type_ = str(resource.get("resourceType"))
        async with _as_port():
            if identifier is None:
                id_ = str(resource.get("id", ""))
                written = await self._store.update(self._scope, type_, id_, resource)
            else:
                asked = read_criteria(kind_of(type_), [("identifier", "any")])
                system, bar, value = identifier.rpartition("|")
                named = Identifier(system if bar else None, value)
                asked = asked._replace(identifiers=(named,))
                written = await self._store.update_found(self._scope, type_, asked, resource)
            return written.found.resource

    async def patch(self, type_: str, id_: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """See FhirClient."""
        async with _as_port():
            patched = await self._store.patch(self._scope, type_, id_, operations)
            return patched.found.resource


class StoreGateway:
    """A FhirGateway to the embedded store; the pool acts as daybook_writer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        """See FhirGateway; everything of ours is kept."""
        async with _as_port():
            await keep(self._pool, tenant, shown)
        return []


@asynccontextmanager
async def _as_port() -> AsyncIterator[None]:
    try:
        yield
    except FhirProblem as problem:
        raise FhirRefused(problem.status, str(problem)) from problem
    except OVERTAKEN as contended:
        raise FhirAway(f"others write it all the time: {contended!r}") from contended
    except Exception as fault:
        if not is_away(fault):  # what Postgres says of a value comes again with it
            raise
        raise FhirAway(f"Postgres: {fault!r}") from fault
