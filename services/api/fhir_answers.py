"""How FHIR's REST answers: resources with their versions, and Bundles with their links."""

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response

from services.api.auth import Caller
from services.api.context import headers_of
from services.api.media import FHIR_JSON
from services.fhir.content import encode
from services.fhir.problem import Issue, outcome
from services.fhir.replacing import Written
from services.fhir.searching import AFTER, Asked
from services.fhir.store import Page
from services.fhir.stored import Scope, Stored

READ_FHIR: Final = "billing:fhir:read"
BEFORE: Final = "_before"
"""Our own parameter of the links between pages of a history: the last version of the one before."""
Call = Request[Caller, Any, Any]


def scope_of(request: Call) -> Scope:
    """Whose resources a request is about."""
    return Scope(request.user.tenant, request.path_params.get("organization_id", ""))


def url_of(request: Call, path: str) -> str:
    """The address of something of this scope."""
    scope = scope_of(request)
    base = f"/Organization/{scope.organization_id}/fhir" if scope.organization_id else "/fhir"
    return str(request.base_url).rstrip("/") + base + path


def version_headers(found: Stored) -> dict[str, str]:
    """What every answer says of a version."""
    return {"ETag": found.etag, "Last-Modified": format_datetime(found.updated_at, usegmt=True)}


def answer(content: Any, status: int, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """A resource or Bundle."""
    return Response(
        encode(content), status_code=status, media_type=FHIR_JSON, headers=dict(headers or {})
    )


def answer_written(request: Call, type_: str, written: Written) -> Response[bytes]:
    """What a change came to, as whole as the caller prefers and may read."""
    found = written.found
    id_ = found.resource["id"]
    headers = version_headers(found)
    if written.is_new:
        headers["Location"] = url_of(request, f"/{type_}/{id_}/_history/{found.version}")
    status = 201 if written.is_new else 200
    is_minimal = "return=minimal" in headers_of(request.scope).get("prefer", "")
    if is_minimal or READ_FHIR not in request.user.scopes:
        return Response(b"", status_code=status, headers=headers)
    return answer(found.resource, status, headers)


def search_bundle(request: Call, type_: str, asked: Asked, page: Page) -> dict[str, Any]:
    """A page of a search, with the link to the next."""
    links = [{"relation": "self", "url": url_of(request, _query(type_, asked.used))}]
    if page.has_more and page.found:
        rest = tuple(each for each in asked.used if each[0] != AFTER)
        following = (*rest, (AFTER, page.found[-1].resource["id"]))
        links.append({"relation": "next", "url": url_of(request, _query(type_, following))})
    entries = [
        {
            "fullUrl": url_of(request, f"/{type_}/{each.resource['id']}"),
            "resource": each.resource,
            "search": {"mode": "match"},
        }
        for each in page.found
    ]
    if asked.ignored:
        ignored = Issue("not-supported", f"not looked at: {', '.join(asked.ignored)}")
        warning = outcome([ignored], "warning")
        entries.append({"resource": warning, "search": {"mode": "outcome"}})
    total = {} if page.total is None else {"total": page.total}
    bundle = {"resourceType": "Bundle", "type": "searchset"} | total | {"link": links}
    return bundle | ({"entry": entries} if entries else {})


def _query(type_: str, used: tuple[tuple[str, str], ...]) -> str:
    return f"/{type_}" + (f"?{urlencode(used)}" if used else "")


def history_bundle(request: Call, type_: str, id_: str, page: Page) -> dict[str, Any]:
    """A page of the versions of a resource; how many there are is said where it is all of them."""
    entries = [
        {
            "fullUrl": url_of(request, f"/{type_}/{id_}"),
            "resource": each.resource,
            "request": {"method": "PUT", "url": f"{type_}/{id_}"},
            "response": {"status": "201" if each.version == 1 else "200", "etag": each.etag},
        }
        for each in page.found
    ]
    path = f"/{type_}/{id_}/_history"
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "history"}
    if page.has_more:
        following = f"{path}?{BEFORE}={page.found[-1].version}"
        bundle["link"] = [{"relation": "next", "url": url_of(request, following)}]
    elif BEFORE not in request.query_params:
        bundle["total"] = len(entries)
    return bundle | {"entry": entries}
