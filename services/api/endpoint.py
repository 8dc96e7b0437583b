"""A command's route as it is answered: declared and documented by Litestar, called without it.

Its way from route to handler and back costs as much as a command in the ledger.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.serialization import encode_json
from litestar.types import HTTPScope, Receive, Send

from services.api.bill_calls import provide_bill_call
from services.api.body import BODY_BYTES_MAX, decode, is_optional, read
from services.api.calls import provide_call
from services.api.context import headers_of
from services.api.failures import ended
from services.api.fittings import Fittings
from services.api.media import JSON

# As Litestar's router refuses it.
_HOST: Final = re.compile(r"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*\Z")


class Endpoint:
    """Answers one route's requests as Litestar would: the same checks in the same order."""

    def __init__(self, handler: HTTPRouteHandler, fittings: Fittings) -> None:
        parameters = handler.parsed_fn_signature.parameters
        data = handler.parsed_data_field
        self._handler = handler
        self._fittings = fittings
        self._call_name = next(name for name in parameters if name in _CALLS)
        self._given = [name for name in parameters if name in fittings.given]
        self._shape = None if data is None else data.annotation
        self._nothing = b"{}" if self._shape and is_optional(self._shape) else b""
        self._body_bytes_max = handler.resolve_request_max_body_size() or BODY_BYTES_MAX
        self._queried = {
            name: (field.kwarg_definition.name or name, field.default)
            for name, field in parameters.items()
            if isinstance(field.kwarg_definition, QueryParameter)
        }

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer a request whose `path_params` and `path_template` are known."""
        scope["route_handler"] = self._handler
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        start, body = await self._answer(request)
        await self._fittings.before_send(start, scope)
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, request: Request[Any, Any, Any]) -> tuple[Any, bytes]:
        try:
            _check_host(request)
            with await self._fittings.gate.entered(request):
                return await self._admitted(request)
        except Exception as fault:
            return _rendered(ended(request, fault))

    async def _admitted(self, request: Request[Any, Any, Any]) -> tuple[Any, bytes]:
        try:
            admission = self._fittings.admission
            with admission.admitted(request):
                await admission.check_module(request)
                answer = await self._handler.fn(**await self._arguments(request))
                return _rendered(answer, self._handler.status_code)
        except Exception as fault:  # here, so that its line in the log names the tenant
            return _rendered(ended(request, fault))

    async def _arguments(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """What the handler is called with; raises Problem and HTTPException."""
        fittings = self._fittings
        arguments = {name: fittings.given[name] for name in self._given}
        body = b""
        if self._shape is not None:
            body = await read(request.scope, request.receive, self._body_bytes_max) or self._nothing
        if body:
            arguments["data"] = decode(self._shape, body)
        arguments[self._call_name] = await _CALLS[self._call_name](request, fittings)
        if body and not request.path_params and not request.scope["query_string"]:
            return arguments
        arguments |= request.path_params
        asked = request.query_params
        for name, (alias, usual) in self._queried.items():
            arguments[name] = asked.get(alias, usual)
        found: dict[str, Any] = self._handler.signature_model.parse_values_from_connection_kwargs(
            connection=request, kwargs=arguments
        )
        return found


async def _call(request: Request[Any, Any, Any], fittings: Fittings) -> Any:
    headers = headers_of(request.scope)
    key, version = headers.get("idempotency-key"), headers.get("if-match")
    return await provide_call(request, fittings.ledger, key, version)


async def _bill_call(request: Request[Any, Any, Any], fittings: Fittings) -> Any:
    return await provide_bill_call(request, fittings.ledger, fittings.given["dependencies"])


_CALLS: Final[dict[str, Callable[[Request[Any, Any, Any], Fittings], Awaitable[Any]]]] = {
    "call": _call,
    "bill_call": _bill_call,
}
"""By the name under which a command's handler takes it, how its call is provided."""


def _rendered(answer: Any, status_usual: int = 500) -> tuple[Any, bytes]:
    """How an answer starts, and its body; a plain one has the handler's usual status."""
    response: Response[Any] = answer if isinstance(answer, Response) else Response(answer)
    body = encode_json(response.content)
    headers = [
        *((name.lower().encode(), value.encode()) for name, value in response.headers.items()),
        (b"content-type", (response.media_type or JSON).encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    status = response.status_code or status_usual
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return start, body


def _check_host(request: Request[Any, Any, Any]) -> None:
    if not _HOST.match(headers_of(request.scope).get("host", "")):
        raise ClientException("Invalid host header")
