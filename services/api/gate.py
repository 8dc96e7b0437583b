"""The gate that every request passes: who calls, what was sent, what is wanted back."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Self

import structlog
from litestar import Response
from litestar.connection import Request
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.typing import FieldDefinition

from services.api.auth import SCOPE, Authenticate, Caller
from services.api.context import context_of, headers_of
from services.api.crowding import Crowd
from services.api.media import JSON, PRODUCES
from services.api.methods import allowed_at
from services.api.modules import MODULE
from services.api.problems import PROBLEM_JSON, Problem, invalid
from services.api.tagging import tagging
from services.licences import Licences, Module, ModuleNotActive

# Where Litestar would answer an HTML page of its own for what it does not have.
_NO_PAGE: Final = "/schema/{path}"
_USUAL: Final = (JSON, "*/*")
STREAMS: Final = "streams"
"""Key of a route's `opt`: its answer has no end of its own."""
CONSUMES: Final = "consumes"
"""Key of a route's `opt`: the media types of its body, where those are not JSON alone."""
ANY_QUERY: Final = "any_query"
"""Key of a route's `opt`: its handler looks at the query by itself."""


class Gate(ASGIMiddleware):
    """Names the caller for what comes behind, in the request and in every line of the log."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, authenticate: Authenticate) -> None:
        self.authenticate = authenticate

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let an authenticated, readable request through; raises Problem."""
        with await self.entered(Request(scope)):
            await next_app(scope, receive, send)

    async def entered(self, request: Request[Any, Any, Any]) -> AbstractContextManager[None]:
        """Around the answer to an authenticated, readable request; raises Problem."""
        context = context_of(request.scope)
        if request.scope["path_template"] == _NO_PAGE:
            raise Problem("NOT_FOUND", f"there is no {request.scope['path']}")
        caller = await self.authenticate(request)
        asked = headers_of(request.scope).get("x-correlation-id", context.correlation_id)
        if asked != context.correlation_id:
            raise invalid("header:X-Correlation-Id", "1 to 128 letters, digits and ._:- are taken")
        _check_body(request)
        request.scope["user"] = caller
        return _logged(
            tenant=caller.tenant, correlation_id=context.correlation_id, trace_id=context.trace_id
        )


@contextmanager
def _logged(**fields: str) -> Iterator[None]:
    """Every line of the log has these; structlog's own `bound_contextvars` looks at all others."""
    tokens = structlog.contextvars.bind_contextvars(**fields)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


def _check_body(request: Request[Any, Any, Any]) -> None:
    headers = headers_of(request.scope)
    if headers.get("content-type") == JSON and CONSUMES not in request.route_handler.opt:
        return
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    media_type = request.content_type[0].lower()
    taken = request.route_handler.opt.get(CONSUMES, (JSON,))
    if has_body and media_type not in taken:
        raise Problem(
            "MEDIA_TYPE_UNSUPPORTED",
            f"a body of {media_type[:100] or 'no media type'} is not taken: send {taken[0]}",
            headers={"Accept": ", ".join(taken)},
        )


class Admission(ASGIMiddleware):
    """Lets callers through whose scope, Accept header, query parameters and licence fit the route.

    A middleware, since Litestar runs each guard on a copy of the route, and plain ones in a thread.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, crowd: Crowd, licences: Licences) -> None:
        self.crowd = crowd
        self.licences = licences

    def __deepcopy__(self, _memo: Any) -> Self:
        """Litestar copies a route with what it passes; what is fitted anew must reach all of it."""
        return self

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let a fitting request through; raises Problem."""
        request: Request[Caller, Any, Any] = Request(scope)
        if request.method == "OPTIONS":  # Litestar's own knows one of the path's routes only
            answer = Response(None, status_code=204, headers={"Allow": allowed_at(request)})
            await answer.to_asgi_response(None, request)(scope, receive, send)
            return
        is_query = request.method == "GET" and STREAMS not in request.route_handler.opt
        with self.admitted(request):
            await self.check_module(request)
            await next_app(scope, receive, tagging(scope, send) if is_query else send)

    def admitted(self, request: Request[Caller, Any, Any]) -> AbstractContextManager[None]:
        """Around the answer to a fitting request, `check_module` with it; raises Problem."""
        _check_scope(request)
        _check_accept(request)
        opt = request.route_handler.opt
        if request.scope["query_string"] and opt[SCOPE] is not None and ANY_QUERY not in opt:
            _check_query(request)
        if STREAMS in request.route_handler.opt:  # it counts its own, which stay for long
            return nullcontext()
        return self.crowd.joined(request.user.tenant)

    async def check_module(self, request: Request[Caller, Any, Any]) -> None:
        """Go on only where the caller's tenant has the route's module; raises Problem.

        It may wait for whoever licenses, and whoever waits is one of the crowd.
        """
        module: Module | None = request.route_handler.opt.get(MODULE)
        if module is not None:
            try:
                await self.licences.require(request.user.tenant, module)
            except ModuleNotActive as inactive:
                raise Problem(inactive.code, str(inactive)) from None


def _check_scope(request: Request[Caller, Any, Any]) -> None:
    opt = request.route_handler.opt
    if SCOPE not in opt:
        raise Problem("ACCESS_DENIED", "this route names no scope")
    if opt[SCOPE] is not None:
        request.user.allow(opt[SCOPE])


def _check_accept(request: Request[Caller, Any, Any]) -> None:
    asked = headers_of(request.scope).get("accept", "*/*")
    here = request.route_handler.opt.get(PRODUCES, (JSON,))
    if asked not in _USUAL and request.accept.best_match([*here, PROBLEM_JSON]) is None:
        raise Problem("NOT_ACCEPTABLE", f"{asked[:100]} was asked for, here is {' or '.join(here)}")


def _check_query(request: Request[Caller, Any, Any]) -> None:
    """A misspelt filter would filter nothing, and of a repeated one only one would count."""
    asked = request.query_params
    known = _query_fields(request.route_handler)
    for name in asked:
        if len(asked.getall(name)) > 1:
            raise invalid(f"query:{name}", "it is given more than once: give it once")
        if name not in known:
            raise invalid(f"query:{name}", "there is no such parameter here")
        if asked[name].lower() == "null" and not _takes_text(known[name]):
            # Litestar would take it for one that was left out.
            raise invalid(f"query:{name}", "leave it out instead of sending null")


def _takes_text(field: FieldDefinition) -> bool:
    return str in {each.annotation for each in (field, *field.inner_types)}


def _query_fields(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    signatures = [
        handler.parsed_fn_signature,
        *(provide.parsed_fn_signature for provide in handler.resolve_dependencies().values()),
    ]
    return {
        field.kwarg_definition.name or field.name: field
        for signature in signatures
        for field in signature.parameters.values()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
