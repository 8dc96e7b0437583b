"""What our events look like, kept on any FHIR R4 server: read, compared, written conditionally."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from services.adapters.fhir import FhirRest, escaped, segment
from services.fhir.naming import position_of
from services.fhir.showing import Shown
from services.ports import FhirAway, FhirRefused, NotKept
from services.together import together

_AT_ONCE_MAX: Final = 8
# So often a batch of which nothing is written comes again before its resources are to blame, and
# not the server: about four minutes.
_ROUNDS_MAX: Final = 20
# Not now, or not known: of a resource that says nothing.
_PASSING: Final = (401, 408, 425, 429, 503)
# A search is refused so where there is no such server, or none for us any more.
_NO_SERVER: Final = (403, 404, 405)
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
        self._rounds: Counter[tuple[str, str, str]] = Counter()

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        """See FhirGateway."""
        client = self._client_of(tenant)
        tried = await together(*(self._try(client, each) for each in shown))
        failed = [one for one, each in zip(shown, tried, strict=True) if _is_away(each)]
        if failed and any(each is True or isinstance(each, NotKept) for each in tried):
            # It takes others: whatever it fails on once more is to blame itself.
            again = await together(*(self._try(client, each) for each in failed))
            tried = [each for each in tried if not _is_away(each)] + again
        elif failed:
            self._count(tenant, failed, next(filter(_is_away, tried)))
        for one in shown:
            self._rounds.pop((tenant, one.type, one.value), None)
        return [kept for kept in map(_not_kept, tried) if kept is not None]

    def _count(self, tenant: str, failed: Sequence[Shown], away: "_Tried") -> None:
        """Raises FhirAway until all of these have failed so often that they are to blame."""
        keys = [(tenant, one.type, one.value) for one in failed]
        self._rounds.update(keys)
        if isinstance(away, _Failed) and min(self._rounds[key] for key in keys) < _ROUNDS_MAX:
            raise away.away

    async def _try(self, client: FhirRest, shown: Shown) -> "_Tried":
        """Whether it was written; a resource that the server fails on although it is there is a
        failed one. Raises FhirAway where it is not."""
        async with self._slots:
            try:
                return await _keep(client, shown)
            except FhirRefused as refused:
                return NotKept(shown, refused.status, refused.detail)
            except FhirAway as away:
                if away.status in _PASSING:
                    raise
                await _probe(client, shown)
                return _Failed(shown, away)


class _Failed(NamedTuple):
    shown: Shown
    away: FhirAway


_Tried = bool | NotKept | _Failed


def _is_away(tried: _Tried) -> bool:
    return isinstance(tried, _Failed)


def _not_kept(tried: _Tried) -> NotKept | None:
    if isinstance(tried, _Failed):
        return NotKept(tried.shown, tried.away.status or 500, str(tried.away))
    return tried if isinstance(tried, NotKept) else None


async def _probe(client: FhirRest, shown: Shown) -> None:
    """Go on only if the server answers a search for what nothing is called; raises FhirAway."""
    system = shown.resource["identifier"][0]["system"]
    query = {"identifier": escaped(f"{system}|none"), "_count": "1"}
    try:
        await client.send("GET", f"/{shown.type}", query=query, is_repeatable=False)
    except FhirRefused as refused:
        raise FhirAway(refused.detail, refused.status) from refused


async def _search(client: FhirRest, shown: Shown, query: dict[str, str]) -> list[dict[str, Any]]:
    try:
        return await client.search(shown.type, query)
    except FhirRefused as refused:
        if refused.status in _NO_SERVER or refused.status < 400:
            raise FhirAway(refused.detail, refused.status) from refused
        raise


async def _keep(client: FhirRest, shown: Shown) -> bool:
    """Make or replace a resource unless a newer one is there: whether it was written; raises
    FhirAway, FhirRefused."""
    named = shown.resource["identifier"][0]
    query = {"identifier": escaped(f"{named['system']}|{named['value']}")}
    for _ in range(_TIMES_MAX):
        found = await _search(client, shown, query)
        if len(found) > 1:
            detail = f"{len(found)} resources have the identifier {named['value']}"
            raise FhirRefused(412, detail)
        there = _there(found[0]) if found else None
        if there is not None and there.position >= shown.position:
            return False
        try:
            await _write(client, shown, query, there)
        except FhirRefused as refused:
            if refused.status not in _OVERTAKEN:
                raise
            last = refused
        else:
            return True
    # Others go on writing it: that passes.
    raise FhirAway(last.detail, last.status) from last


def _there(found: dict[str, Any]) -> _There:
    """What is on the server now; raises FhirAway for what no server of FHIR would send."""
    try:
        version = found.get("meta", {}).get("versionId")
        return _There(segment(found["id"]), version, position_of(found) or 0)
    except (AttributeError, LookupError, TypeError, ValueError, FhirRefused) as odd:
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
