"""A FHIR R4 server over HTTP, by what FHIR's REST has of its own: ours and any other alike."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from services.adapters.fhir_paging import following
from services.adapters.outbound import Answer, Away, Outbound
from services.fhir.content import decode, encode
from services.fhir.facts import ID
from services.fhir.problem import FhirProblem
from services.ports import FhirAway, FhirRefused

FHIR_JSON: Final = "application/fhir+json"
JSON_PATCH: Final = "application/json-patch+json"
FOUND_MAX: Final = 10_000
PAGES_MAX: Final = 1_000
TIMES_MAX: Final = 4
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
SETTING: Final = "DAYBOOK_FHIR_URL"
_SECONDS_MAX: Final = 15.0
_AGAIN_SECONDS: Final = 0.25
_AGAIN_SECONDS_MAX: Final = 5.0
_PAGE: Final = "200"
_DETAIL_LETTERS_MAX: Final = 500
# It did nothing, and says so: even what may not be done twice is sent again.
_UNTOUCHED: Final = (429, 503)


class FhirServers:
    """The clients of a setting's URL; tenants whose URLs have one host share its connections."""

    def __init__(self, url: str, token: str = "", *, again_seconds: float = _AGAIN_SECONDS) -> None:
        self._url = url
        self._token = token
        self._again_seconds = again_seconds
        self._outbound: dict[str, Outbound] = {}
        # What is wrong with it is said at the start rather than at the first event.
        self._reach(urlsplit(url.replace("{tenant}", "tenant")))

    def __call__(self, tenant: str, organization_id: str | None = None) -> "FhirRest":
        """The client of a tenant or organisation; raises CannotRun, and FhirRefused where
        organisations are not told apart."""
        parts = urlsplit(self._url.replace("{tenant}", tenant))
        base = _path_under(parts.path.rstrip("/"), organization_id)
        outbound = self._reach(parts)
        return FhirRest(outbound, base, self._token, again_seconds=self._again_seconds)

    def _reach(self, parts: SplitResult) -> Outbound:
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._outbound:
            self._outbound[origin] = Outbound(
                origin,
                setting=SETTING,
                seconds_max=_SECONDS_MAX,
                headers={"Accept": FHIR_JSON},
                answer_bytes_max=ANSWER_BYTES_MAX,
            )
        return self._outbound[origin]

    async def close(self) -> None:
        """Give the connections back."""
        for outbound in self._outbound.values():
            await outbound.close()


def _path_under(path: str, organization_id: str | None) -> str:
    if not organization_id:
        return path
    if not path.endswith("/fhir"):
        raise FhirRefused(501, f"{SETTING} does not end in /fhir: no organisations there")
    return f"{path.removesuffix('/fhir')}/Organization/{segment(organization_id)}/fhir"


def segment(id_: str) -> str:
    """An id as a part of a path, and never a way out of it; raises FhirRefused."""
    if not ID.fullmatch(id_):
        raise FhirRefused(404, f"{id_[:100]!r} cannot be an id of FHIR")
    return id_


class FhirRest:
    """A FhirClient; `base` is the path that resources are under."""

    def __init__(
        self,
        outbound: Outbound,
        base: str,
        token: str = "",
        *,
        again_seconds: float = _AGAIN_SECONDS,
    ) -> None:
        self._outbound = outbound
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._again_seconds = again_seconds

    async def read(self, type_: str, id_: str) -> dict[str, Any] | None:
        """See FhirClient."""
        try:
            return _resource(await self.send("GET", f"/{type_}/{segment(id_)}"))
        except FhirRefused as none:
            if none.status not in (404, 410):
                raise
            return None

    async def search(self, type_: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """See FhirClient."""
        found: list[dict[str, Any]] = []
        strictly = {"Prefer": "handling=strict"}
        query: dict[str, str] | None = {"_count": _PAGE, **params}
        path = f"/{type_}"
        for _ in range(PAGES_MAX):
            bundle = _resource(await self.send("GET", path, query=query, headers=strictly))
            try:
                found += _matches(bundle, type_)
                path, query = following(bundle, type_, self._base, self._outbound.netloc), None
            except (AttributeError, TypeError, ValueError) as odd:
                raise FhirAway(f"a Bundle that cannot be read: {odd}") from odd
            if len(found) > FOUND_MAX:
                raise FhirRefused(413, f"more than {FOUND_MAX} are found: ask for less")
            if not path:
                return found
        raise FhirAway(f"more than {PAGES_MAX} pages: they do not end")

    async def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """See FhirClient."""
        path = f"/{resource.get('resourceType')}"
        return _resource(await self.send("POST", path, resource, is_repeatable=False))

    async def upsert(
        self, resource: dict[str, Any], identifier: str | None = None
    ) -> dict[str, Any]:
        """See FhirClient."""
        type_ = resource.get("resourceType")
        if identifier is not None:
            query = {"identifier": escaped(identifier)}
            return _resource(await self.send("PUT", f"/{type_}", resource, query=query))
        path = f"/{type_}/{segment(str(resource.get('id', '')))}"
        return _resource(await self.send("PUT", path, resource))

    async def patch(self, type_: str, id_: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """See FhirClient."""
        path, headers = f"/{type_}/{segment(id_)}", {"Content-Type": JSON_PATCH}
        answer = await self.send("PATCH", path, operations, headers=headers, is_repeatable=False)
        return _resource(answer)

    async def send(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
    ) -> Answer:
        """One interaction, tried again while the server is away; raises FhirAway, FhirRefused."""
        body = None if content is None else _encoded(content)
        typed = {"Content-Type": FHIR_JSON} if body is not None else {}
        named = {"Prefer": "return=representation", **self._headers, **typed, **(headers or {})}
        for turn in range(1, TIMES_MAX + 1):
            waits, again = self._again_seconds * 2**turn, is_repeatable
            try:
                answer = await self._outbound.request(
                    method, self._base + path, query=query, content=body, headers=named
                )
            except Away as failed:
                away = FhirAway(str(failed))
            else:
                if answer.status < 300:
                    return answer
                away = _away(answer)
                again = is_repeatable or answer.status in _UNTOUCHED
                waits = max(waits, _retry_after(answer))
            if not again or turn == TIMES_MAX:
                raise away
            await asyncio.sleep(min(waits, _AGAIN_SECONDS_MAX))
        raise away


def escaped(identifier: str) -> str:
    """`system|value` as a search has it; the last bar is the one between the two."""
    system, bar, value = identifier.rpartition("|")
    return _escaped(system) + bar + _escaped(value)


def _escaped(text: str) -> str:
    for letter in ("\\", ",", "$", "|"):
        text = text.replace(letter, f"\\{letter}")
    return text


def _encoded(content: Any) -> bytes:
    try:
        return encode(content)
    except FhirProblem as odd:
        raise FhirRefused(odd.status, str(odd)) from odd


def _resource(answer: Answer) -> dict[str, Any]:
    try:
        found = decode(answer.body)
    except FhirProblem as problem:
        raise FhirAway(f"HTTP {answer.status}: {problem}", answer.status) from problem
    if isinstance(found, dict) and isinstance(found.get("resourceType"), str):
        return found
    raise FhirAway(f"HTTP {answer.status} without a resource", answer.status)


def _matches(bundle: Mapping[str, Any], type_: str) -> list[dict[str, Any]]:
    found = (each.get("resource") for each in bundle.get("entry") or ())
    return [each for each in found if each and each.get("resourceType") == type_]


def _away(answer: Answer) -> FhirAway:
    """What an answer that is no success means; raises FhirRefused."""
    detail = f"HTTP {answer.status}: {_said(answer)}"
    if answer.status >= 500 or answer.status in (401, 408, 425, 429):
        return FhirAway(detail, answer.status)
    raise FhirRefused(answer.status, detail)


def _said(answer: Answer) -> str:
    """What its OperationOutcome says, shortly."""
    try:
        outcome = decode(answer.body)
        issues = outcome["issue"] if isinstance(outcome, dict) else []
        said = [str(each.get("diagnostics") or each.get("details")) for each in issues]
    except (FhirProblem, LookupError, AttributeError, TypeError):
        said = [answer.body[:_DETAIL_LETTERS_MAX].decode(errors="replace")]
    return "; ".join(said)[:_DETAIL_LETTERS_MAX]


def _retry_after(answer: Answer) -> float:
    written = answer.headers.get("retry-after", "")
    return float(written) if written.isascii() and written.isdecimal() else 0.0
