"""Modules are licensed apart: a route names the one that it belongs to, every command the core."""

from typing import Any, Final

from litestar.connection import Request

from services.api.auth import Caller
from services.api.problems import Problem
from services.licences import Licences, Module, ModuleNotActive

MODULE: Final = "module"
"""Key of a route's `opt`: the module that it takes."""


async def check_module(licences: Licences, request: Request[Caller, Any, Any]) -> None:
    """Go on only where the caller's tenant has the route's module; raises Problem."""
    module: Module | None = request.route_handler.opt.get(MODULE)
    if module is not None:
        try:
            await licences.require(request.user.tenant, module)
        except ModuleNotActive as inactive:
            raise Problem(inactive.code, str(inactive)) from None
