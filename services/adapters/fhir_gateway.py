"""What our events look like, kept on any FHIR R4 server: read, compared, written conditionally."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from services.adapters.fhir import FhirRest, escaped, segment
from services.fhir.naming import position_of
from services.fhir.showing import Shown
from services.ports import FhirAway, FhirRefused, NotKept

_AT_ONCE_MAX: Final = 8
_TIMES_MAX: Final = 5
# Somebody else was faster: what is there now decides.
_OVERTAKEN: Final = (409, 412)


class _There(NamedTuple):
    id: str
    version: str | None
    position: int


class RestGateway:
    """A FhirGateway; no server need know our ids: a resource is found by its identifier."""

    def __init__(self, client_of: Callable[[str], FhirRest]) -> None:
        self._client_of = client_of
        self._slots = asyncio.Semaphore(_AT_ONCE_MAX)

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        """See FhirGateway."""
        client = self._client_of(tenant)
        tried = await asyncio.gather(*(self._try(client, each) for each in shown))
        away = [each for each in tried if isinstance(each, FhirAway)]
        is_there = len(away) < len(shown)
        if any(each.status != 500 for each in away) or (away and not is_there):
            raise away[0]
        # It answers the others: what it fails over and over on is this very resource.
        failed = [
            NotKept(one, 500, str(each))
            for one, each in zip(shown, tried, strict=True)
            if isinstance(each, FhirAway)
        ]
        return [*failed, *(each for each in tried if isinstance(each, NotKept))]

    async def _try(self, client: FhirRest, shown: Shown) -> NotKept | FhirAway | None:
        async with self._slots:
            try:
                await _keep(client, shown)
            except FhirRefused as refused:
                return NotKept(shown, refused.status, refused.detail)
            except FhirAway as away:
                return away
        return None


async def _keep(client: FhirRest, shown: Shown) -> None:
    """Make or replace a resource unless a newer one is there; raises FhirAway, FhirRefused."""
    named = shown.resource["identifier"][0]
    query = {"identifier": escaped(f"{named['system']}|{named['value']}")}
    for left in reversed(range(_TIMES_MAX)):
        found = await client.search(shown.type, query)
        if len(found) > 1:
            detail = f"{len(found)} resources have the identifier {named['value']}"
            raise FhirRefused(412, detail)
        there = _there(found[0]) if found else None
        if there is not None and there.position >= shown.position:
            return
        try:
            await _write(client, shown, query, there)
        except FhirRefused as refused:
            if refused.status not in _OVERTAKEN or not left:
                raise
        else:
            return


def _there(found: dict[str, Any]) -> _There:
    """What is on the server now; raises FhirAway for what no server of FHIR would send."""
    try:
        version = found.get("meta", {}).get("versionId")
        return _There(segment(found["id"]), version, position_of(found) or 0)
    except (AttributeError, LookupError, TypeError, FhirRefused) as odd:
        raise FhirAway(f"a resource that cannot be read: {odd!r}") from odd


async def _write(
    client: FhirRest, shown: Shown, query: dict[str, str], there: _There | None
) -> None:
    if there is None:
        condition = {"If-None-Exist": f"identifier={quote(query['identifier'])}"}
        answer = await client.send("POST", f"/{shown.type}", shown.resource, headers=condition)
        if answer.status == 200:  # it was made by somebody else meanwhile
            raise FhirRefused(412, "it is there now")
        return
    match = {"If-Match": f'W/"{there.version}"'} if there.version else {}
    resource = shown.resource | {"id": there.id}
    await client.send("PUT", f"/{shown.type}/{there.id}", resource, headers=match)
