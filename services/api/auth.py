"""Who calls, and what they may do. `auth=dev` lets anybody on this machine in as tenant `demo`."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection

from services.api.problems import Problem
from services.cannot_run import CannotRun
from services.commands import COMMANDS
from services.settings import Settings

Connection = ASGIConnection[Any, Any, Any, Any]

READ: Final = "billing:read"
READ_REPORTS: Final = "billing:report:read"
STATE_PRICES: Final = "billing:charge:price"
ALL_SCOPES: Final = frozenset(
    {spec.scope for spec in COMMANDS} | {READ, READ_REPORTS, STATE_PRICES}
)
SCOPE: Final = "scope"
"""Key of a route's `opt`: the scope that it takes, or None where everybody may."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request acts for; nothing outside `tenant` exists for it."""

    tenant: str
    actor: str
    scopes: frozenset[str]

    def allow(self, scope: str) -> None:
        """Go on only with this scope; raises Problem."""
        if scope not in self.scopes:
            raise Problem("ACCESS_DENIED", f"the caller lacks the scope {scope}")


Authenticate = Callable[[Connection], Awaitable[Caller]]
"""Tells the caller of a request; raises Problem UNAUTHENTICATED or ACCESS_DENIED."""


class AuthNotConfigured(CannotRun):
    """Nothing says how callers are known, or it would let strangers in: the API does not start."""


def authentication(settings: Settings) -> Authenticate:
    """How this process knows its callers; raises AuthNotConfigured."""
    if settings.auth != "dev":
        raise AuthNotConfigured(
            "nothing says how callers are known: the API serves only with DAYBOOK_AUTH=dev, "
            "which `daybook up` sets for this machine alone"
        )
    if not is_loopback(settings.api_host):
        raise AuthNotConfigured(
            f"DAYBOOK_AUTH=dev lets anybody in and {settings.api_host} is no loopback address: "
            "set DAYBOOK_API_HOST=127.0.0.1"
        )
    return authenticate_dev


_DEV: Final = Caller(tenant="demo", actor="user:dev", scopes=ALL_SCOPES)
# Only a proxy sets these, and behind one a caller on loopback may be anybody.
_PROXIED: Final = ("forwarded", "via")


async def authenticate_dev(connection: Connection) -> Caller:
    """Anybody on this machine, as long as it is no browser page of another site and no proxy."""
    headers = connection.headers
    for name in headers:
        if name.lower() in _PROXIED or name.lower().startswith("x-forwarded-"):
            raise _refused(f"a request that was forwarded ({name})")
    host = headers.get("host", "")
    if not is_loopback(_without_port(host)):
        raise _refused(f"host {host[:100]!r}, which is no loopback name")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"{connection.url.scheme}://{host}".lower():
        raise _refused(f"origin {origin[:100]!r}, another site's page")
    return _DEV


def _refused(what: str) -> Problem:
    return Problem("ACCESS_DENIED", f"auth=dev serves this machine only and refuses {what}")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
