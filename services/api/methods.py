"""Which methods a path has: what OPTIONS and a 405 say in `Allow`; and which one was asked."""

from collections.abc import Iterable
from typing import Any, Final

from litestar import Request
from litestar.routes import HTTPRoute
from litestar.types import Scope

IMMUTABLE: Final = ("PUT", "PATCH", "DELETE")
"""What is only there to say that the books are not changed, where all of them are."""
HEAD_ASKED: Final = "daybook.head_asked"
"""Key of a request's scope: it is a HEAD that is answered as a GET."""


def method_asked(scope: Scope) -> str:
    """The method as it was sent, whatever it is answered as."""
    return "HEAD" if HEAD_ASKED in scope else str(scope.get("method"))


def allowed(methods: Iterable[str]) -> str:
    """Those that do something; whatever has a GET has a HEAD, which Litestar does not know."""
    found = {*methods}
    if found.issuperset(IMMUTABLE):
        found.difference_update(IMMUTABLE)
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(sorted(found))


def allowed_at(request: Request[Any, Any, Any]) -> str:
    """The methods of a request's path, whose handlers may be spread over several routes."""
    template = request.scope["path_template"]
    return allowed(
        method
        for route in request.app.routes
        if isinstance(route, HTTPRoute) and route.path_format == template
        for method in route.methods
    )
