"""FHIR R4 REST over the embedded store, for a tenant and for one organisation of it.

Its paths stand in its own CapabilityStatement, and not in the OpenAPI document: the bodies are
FHIR's.
"""

from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response, get, patch, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from services.api.auth import SCOPE
from services.api.body import BODY_BYTES_MAX, read
from services.api.context import headers_of, is_repeated
from services.api.dependencies import Dependencies
from services.api.fhir_answers import (
    BEFORE,
    READ_FHIR,
    Call,
    answer,
    answer_written,
    history_bundle,
    scope_of,
    search_bundle,
    version_headers,
)
from services.api.fhir_capability import capability
from services.api.gate import ANY_QUERY, CONSUMES
from services.api.media import FHIR_JSON, JSON, JSON_PATCH, PRODUCES
from services.api.outage import outage_as_problem
from services.api.tagging import is_known
from services.fhir.content import decode
from services.fhir.problem import refused
from services.fhir.searching import read_criteria, read_search
from services.fhir.store import Store
from services.fhir.validating import kind_of

WRITE_FHIR: Final = "billing:fhir:write"
_PRODUCED: Final = {FHIR_JSON: None, JSON: None}
_BASES: Final = ("/fhir", "/Organization/{organization_id:str}/fhir")
_READING: Final = {SCOPE: READ_FHIR, PRODUCES: _PRODUCED, ANY_QUERY: True}
_WRITING: Final = {
    SCOPE: WRITE_FHIR,
    PRODUCES: _PRODUCED,
    ANY_QUERY: True,
    CONSUMES: (FHIR_JSON, JSON),
}
_PATCHING: Final = _WRITING | {CONSUMES: (JSON_PATCH,)}
Text = FromPath[str]


def _paths(rest: str) -> list[str]:
    return [base + rest for base in _BASES]


@get(_paths("/metadata"), opt={PRODUCES: _PRODUCED}, include_in_schema=False)
async def get_capability(request: Call) -> Response[bytes]:
    """What this server does; everybody may know."""
    return answer(capability(), 200)


@get(_paths("/{type_:str}"), opt=_READING, include_in_schema=False)
async def search_resources(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
) -> Response[bytes]:
    """A page of what a search finds, as a Bundle."""
    is_strict = "handling=strict" in headers_of(request.scope).get("prefer", "")
    asked = read_search(kind_of(type_), _parameters(request), is_strict=is_strict)
    with outage_as_problem():
        page = await Store(dependencies.writer).search(scope_of(request), type_, asked)
    return answer(search_bundle(request, type_, asked, page), 200)


@post(_paths("/{type_:str}"), opt=_WRITING, include_in_schema=False)
async def create_resource(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
) -> Response[bytes]:
    """Make a resource, with If-None-Exist only where there is none."""
    kind = kind_of(type_)
    condition = headers_of(request.scope).get("if-none-exist")
    unless = None if condition is None else read_criteria(kind, _parsed(condition))
    resource = await _body(request)
    with outage_as_problem():
        store = Store(dependencies.writer)
        written = await store.create(scope_of(request), type_, resource, unless)
    return answer_written(request, type_, written)


@put(_paths("/{type_:str}"), opt=_WRITING, include_in_schema=False)
async def update_found_resource(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
) -> Response[bytes]:
    """Replace the one resource that the parameters find, or make it."""
    asked = read_criteria(kind_of(type_), _parameters(request))
    resource = await _body(request)
    with outage_as_problem():
        written = await Store(dependencies.writer).update_found(
            scope_of(request), type_, asked, resource, _if_match(request)
        )
    return answer_written(request, type_, written)


@get(_paths("/{type_:str}/{id_:str}"), opt=_READING, include_in_schema=False)
async def read_resource(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
    id_: Text,
) -> Response[bytes]:
    """A resource as it is now."""
    with outage_as_problem():
        found = await Store(dependencies.writer).read(scope_of(request), type_, id_)
    if is_known(found.etag, headers_of(request.scope).get("if-none-match", "")):
        return Response(b"", status_code=304, headers=version_headers(found))
    return answer(found.resource, 200, version_headers(found))


@put(_paths("/{type_:str}/{id_:str}"), opt=_WRITING, include_in_schema=False)
async def update_resource(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
    id_: Text,
) -> Response[bytes]:
    """Make or replace the resource of an id."""
    resource = await _body(request)
    with outage_as_problem():
        written = await Store(dependencies.writer).update(
            scope_of(request), type_, id_, resource, _if_match(request)
        )
    return answer_written(request, type_, written)


@patch(_paths("/{type_:str}/{id_:str}"), opt=_PATCHING, include_in_schema=False)
async def patch_resource(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
    id_: Text,
) -> Response[bytes]:
    """Change a resource by a JSON Patch, whose `test` reads what is there."""
    request.user.allow(READ_FHIR)
    operations = await _body(request)
    with outage_as_problem():
        written = await Store(dependencies.writer).patch(
            scope_of(request), type_, id_, operations, _if_match(request)
        )
    return answer_written(request, type_, written)


@get(_paths("/{type_:str}/{id_:str}/_history"), opt=_READING, include_in_schema=False)
async def get_history(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
    id_: Text,
) -> Response[bytes]:
    """The versions of a resource, the latest first."""
    with outage_as_problem():
        page = await Store(dependencies.writer).history(
            scope_of(request), type_, id_, before=_before(request)
        )
    return answer(history_bundle(request, type_, id_, page), 200)


@get(_paths("/{type_:str}/{id_:str}/_history/{version:str}"), opt=_READING, include_in_schema=False)
async def read_version(
    request: Call,
    dependencies: NamedDependency[Dependencies],
    type_: Text,
    id_: Text,
    version: Text,
) -> Response[bytes]:
    """A resource as it was."""
    if not _is_version(version):
        raise refused(404, "not-found", f"there is no version {version[:100]}")
    with outage_as_problem():
        page = await Store(dependencies.writer).history(
            scope_of(request), type_, id_, version=int(version)
        )
    return answer(page.found[0].resource, 200, version_headers(page.found[0]))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    search_resources,
    create_resource,
    update_found_resource,
    read_resource,
    update_resource,
    patch_resource,
    get_history,
    read_version,
)


async def _body(request: Call) -> Any:
    return decode(await read(request.scope, request.receive, BODY_BYTES_MAX))


def _parameters(request: Call) -> list[tuple[str, str]]:
    return list(request.query_params.multi_items())


def _if_match(request: Call) -> str | None:
    if is_repeated(request.scope, b"if-match"):
        raise refused(400, "invalid", "send one If-Match")
    return headers_of(request.scope).get("if-match")


def _before(request: Call) -> int | None:
    """The version that a page of a history comes after; raises FhirProblem."""
    written = dict(_parameters(request)).get(BEFORE)
    if written is not None and not _is_version(written):
        raise refused(400, "value", f"{BEFORE} is of a link that this server made")
    return None if written is None else int(written)


def _is_version(written: str) -> bool:
    return written.isdecimal() and written.isascii() and len(written) <= 18


def _parsed(condition: str) -> list[tuple[str, str]]:
    return parse_qsl(condition.partition("?")[2] or condition, keep_blank_values=True)
