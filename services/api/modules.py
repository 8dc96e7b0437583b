"""Modules are licensed apart: a route names the one that it belongs to, every command the core."""

from typing import Any, Final

from litestar.connection import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from services.api.auth import Caller
from services.api.problems import Problem
from services.licences import Licences, Module, ModuleNotActive

MODULE: Final = "module"
"""Key of a route's `opt`: the module that it takes."""


class Licensed(ASGIMiddleware):
    """Lets callers through whose tenant has the route's module."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, licences: Licences) -> None:
        self._licences = licences

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let a licensed request through; raises Problem."""
        request: Request[Caller, Any, Any] = Request(scope)
        module = request.route_handler.opt.get(MODULE)
        if module is not None and request.method != "OPTIONS":
            try:
                await self._licences.require(request.user.tenant, Module(module))
            except ModuleNotActive as inactive:
                raise Problem(inactive.code, str(inactive)) from None
        await next_app(scope, receive, send)
