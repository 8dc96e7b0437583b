"""The OpenAPI 3.1 document: Litestar knows the routes, msgspec knows the structs.

Litestar's own schemas of structs drop patterns, closed objects and docstrings, so the structs'
schemas are msgspec's, the same ones that the messages on the bus are published with.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

from contracts.schema import name_of, schemas_of
from services.access.scopes import SCOPES
from services.api.auth import SCOPE
from services.api.body import is_optional
from services.api.calls import ETAG, KEY
from services.api.codes import CODES
from services.api.context import CORRELATION_PATTERN
from services.api.document_parameters import plain_parameter
from services.api.document_patterns import plain_patterns
from services.api.examples import EXAMPLES
from services.api.media import PRODUCES
from services.api.problems import problem_example

DESCRIPTION: Final = """\
An event-sourced billing ledger. Commands answer 201 with the `version` of what they made and a
`token`; queries take the token as `after=` and then answer only from what has seen the command.

Money is a decimal string with its ISO 4217 currency, never a float: balances, totals and the trial
balance may have more digits than a float keeps, so read them as decimals. An amount that is sent
has at most 16 digits before the point. Dates are local to the facility, instants are UTC.
Failures are problems (RFC 9457) with a stable `code`.
"""
_COMMON: Final = {
    "CorrelationId": {
        "name": "X-Correlation-Id",
        "in": "header",
        "required": False,
        "description": "Your id for everything that this request sets off; made up if left out,"
        " and answered either way.",
        "schema": {"type": "string", "pattern": CORRELATION_PATTERN},
        "example": "visit-20260102-17",
    },
    "Traceparent": {
        "name": "traceparent",
        "in": "header",
        "required": False,
        "description": "W3C trace context; kept with the events that the command records.",
        "schema": {"type": "string"},
        "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
}

_HEADERS: Final = {
    "Challenge": {
        "description": "how to authenticate (RFC 6750), and what was wrong with the token",
        "schema": {"type": "string"},
        "example": 'Bearer realm="daybook"',
    },
    "RetryAfter": {
        "description": "seconds to wait before the same request is sent again",
        "schema": {"type": "integer"},
        "example": 1,
    },
}
_RETRY: Final = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
_OF_PROBLEMS: Final = {
    "401": {"WWW-Authenticate": {"$ref": "#/components/headers/Challenge"}},
    "409": _RETRY,  # where the same request may do later: IDEMPOTENCY_IN_FLIGHT, LOCK_TIMEOUT
    "425": _RETRY,
    "429": _RETRY,
    "503": _RETRY,
}
"""The headers of problems, by status."""

_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JWT with the claims `tenant` (whose books), `sub` (who), `scope` (scopes,"
    " separated by spaces), `iss`, `aud` and `exp`. With `auth=dev`, which is for one machine"
    " alone, no token is needed: every caller is tenant `demo` with all scopes.",
}


def document(app: Litestar) -> dict[str, Any]:
    """The whole document, as JSON values."""
    found: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    handlers = _handlers(app)
    components = found["components"]["schemas"]
    shapes = list(shapes_of(app).values())
    components |= schemas_of(shapes, "#/components/schemas/{name}", open_enums=False)[1]
    # Events carry amounts within this pattern; what queries add up may have more digits.
    components["Money"]["properties"]["amount"]["pattern"] = r"^-?\d+(\.\d{1,4})?$"
    for name, example in EXAMPLES.items():
        components[name]["examples"] = [example]
    found["components"]["securitySchemes"] = {"token": _TOKEN}
    found["components"]["parameters"] = _COMMON
    found["components"]["headers"] = _HEADERS
    found["components"]["examples"] = {name: problem_example(name) for name in CODES}
    for (path, method), handler in handlers.items():
        _complete(found["paths"][path][method], handler)
    plain: dict[str, Any] = plain_patterns(found)
    return plain


def shapes_of(app: Litestar) -> dict[str, Any]:
    """The structs that routes take and answer, by name."""
    shapes = {shape for handler in _handlers(app).values() for shape in _shapes(handler)}
    return {shape.__name__: shape for shape in sorted(shapes, key=lambda shape: shape.__name__)}


def _handlers(app: Litestar) -> dict[tuple[str, str], HTTPRouteHandler]:
    return {
        (route.path_format, method.lower()): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.resolve_include_in_schema()
        for method in handler.http_methods
    }


def _shapes(handler: HTTPRouteHandler) -> list[Any]:
    body, answer = handler.parsed_data_field, handler.parsed_return_field
    if answer.is_subclass_of(Response) and answer.inner_types:
        answer = answer.inner_types[0]
    annotations = [answer.annotation, *(spec.data_container for spec in _specs(handler))]
    if body is not None:
        annotations.append(body.annotation)
    return [shape for shape in annotations if hasattr(shape, "__struct_fields__")]


def _specs(handler: HTTPRouteHandler) -> list[Any]:
    return list((handler.responses or {}).values())


def _produce(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Files instead of JSON, or besides it: of them nothing but the media type is known."""
    if examples:
        content = operation["responses"]["200"]["content"]
        for media_type in set(content).difference(examples):
            del content[media_type]
        content |= {
            media_type: {"schema": {}, "example": example}
            for media_type, example in examples.items()
            if example is not None
        }


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """What Litestar does not say of an operation: scope, common headers, whole examples."""
    _produce(operation, handler.opt.get(PRODUCES, {}))
    scope = handler.opt.get(SCOPE)
    if scope is not None:
        operation["description"] += f"\n\nTakes the scope `{scope}`: {SCOPES[scope]}."
        operation["security"] = [{"token": [scope]}]
    parameters = [plain_parameter(each) for each in operation.get("parameters", ())]
    if not handler.opt.get(ETAG, True):
        parameters = [each for each in parameters if each["name"] != "If-Match"]
    operation["parameters"] = parameters
    for parameter in parameters:
        if parameter["name"].endswith("Idempotency-Key") and handler.opt.get(KEY):
            parameter["required"] = True
    parameters.sort(key=lambda parameter: (parameter["in"], parameter["name"]))
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in _COMMON]
    data = handler.parsed_data_field
    if data is not None and is_optional(data.annotation):
        operation["requestBody"]["required"] = False
    body = operation.get("requestBody", {}).get("content", {})
    answers = [
        content
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    for status, response in operation["responses"].items():
        headers = response.get("headers", {}) | _OF_PROBLEMS.get(status, {})
        if headers:  # a set in Litestar, so in another order each time
            response["headers"] = dict(sorted(headers.items()))
        for content in response.get("content", {}).values():
            if "examples" in content:
                content["examples"] = {
                    name: _example(name, example) for name, example in content["examples"].items()
                }
    for content in (*body.values(), *answers):
        shape = name_of(content["schema"].get("$ref", ""))
        if shape in EXAMPLES:
            content["example"] = EXAMPLES[shape]


def _example(name: str, example: dict[str, Any]) -> dict[str, Any]:
    if name in CODES:
        return {"$ref": f"#/components/examples/{name}"}
    return {key: value for key, value in example.items() if key != "id"}  # Litestar's own


class Rendered:
    """Renders once: it takes a tenth of a second of the event loop, and never changes."""

    def __init__(self, render: Callable[[dict[str, Any]], bytes]) -> None:
        self._render = render
        self._bytes: bytes | None = None

    def of(self, app: Litestar) -> bytes:
        """The rendered document of an application."""
        if self._bytes is None:
            self._bytes = self._render(document(app))
        return self._bytes


class JsonDocument(JsonRenderPlugin):
    """The document at /schema/openapi.json."""

    def __init__(self) -> None:
        super().__init__()
        self._rendered = Rendered(lambda found: json.dumps(found, indent=2).encode())

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document as JSON; what Litestar made alone is not served."""
        return self._rendered.of(request.app)
