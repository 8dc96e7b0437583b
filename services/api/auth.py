"""Who calls, and what they may do.

`auth=jwt` asks for a bearer token (RFC 6750); `auth=dev` lets anybody on this machine in as tenant
`demo`.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection

from services.access.bearer import Verifier
from services.access.keys import KeysAway
from services.access.scopes import ALL_SCOPES
from services.access.tokens import Claims, TokenRefused
from services.api.context import headers_of, is_repeated
from services.api.problems import Problem, unavailable
from services.links import PATH as DOCUMENTS

Connection = ASGIConnection[Any, Any, Any, Any]

READ: Final = "billing:read"
READ_REPORTS: Final = "billing:report:read"
STATE_PRICES: Final = "billing:charge:price"
READ_EVENTS: Final = "billing:events:read"
METRICS_PATH: Final = "/metrics"
SCOPE: Final = "scope"
"""Key of a route's `opt`: the scope that it takes, or None where everybody may."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request acts for; nothing outside `tenant` exists for it."""

    tenant: str
    actor: str
    scopes: frozenset[str]
    until_seconds: float | None = None
    """When its token ends, as Unix seconds."""

    def allow(self, scope: str) -> None:
        """Go on only with this scope; raises Problem."""
        if scope not in self.scopes:
            raise Problem("ACCESS_DENIED", f"the caller lacks the scope {scope}")


Authenticate = Callable[[Connection], Awaitable[Caller]]
"""Tells the caller of a request; raises Problem UNAUTHENTICATED or ACCESS_DENIED."""


_CHALLENGE: Final = 'Bearer realm="daybook"'
_NOBODY: Final = Caller(tenant="", actor="", scopes=frozenset())


def authenticate_jwt(verifier: Verifier) -> Authenticate:
    """Callers by their bearer token; health and the document are everybody's.

    Metrics are of all tenants together, so no token of one opens them: see DAYBOOK_METRICS_PORT.
    """

    async def authenticate(connection: Connection) -> Caller:
        if not _takes_token(connection):
            return _NOBODY
        try:
            return _caller(await verifier.claims_of(_token(connection)))
        except TokenRefused as refused:
            # RFC 6750 section 3 allows printable ASCII, but no quotes and no backslash.
            reason = re.sub(r"[^ !#-\[\]-~]", "'", str(refused))
            challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{reason}"'
            raise _unauthenticated(str(refused), challenge) from refused
        except KeysAway as away:
            raise unavailable(str(away)) from away

    return authenticate


def _takes_token(connection: Connection) -> bool:
    path = connection.scope["path"]
    if path == METRICS_PATH:
        raise Problem("NOT_FOUND", "metrics are served where DAYBOOK_METRICS_PORT says, not here")
    if path.startswith(f"{DOCUMENTS}/"):
        return False  # a link is signed itself
    return SCOPE in connection.route_handler.opt or path.startswith("/v1/")


def _token(connection: Connection) -> str:
    given = headers_of(connection.scope).get("authorization")
    if given is None:
        raise _unauthenticated("send a token: `Authorization: Bearer ...`", _CHALLENGE)
    scheme, _, token = given.partition(" ")
    if (
        is_repeated(connection.scope, b"authorization")
        or scheme.lower() != "bearer"
        or not token.strip()
    ):
        raise TokenRefused("send one header `Authorization: Bearer ...`")
    return token.strip()


def _caller(claims: Claims) -> Caller:
    scopes = frozenset(claims.scope.split())
    return Caller(
        tenant=claims.tenant,
        actor=f"user:{claims.sub}",
        scopes=scopes & ALL_SCOPES,
        until_seconds=claims.exp,
    )


def _unauthenticated(why: str, challenge: str) -> Problem:
    return Problem("UNAUTHENTICATED", why, headers={"WWW-Authenticate": challenge})


_DEV: Final = Caller(tenant="demo", actor="user:dev", scopes=ALL_SCOPES)
# Only a proxy sets these, and behind one a caller on loopback may be anybody.
_PROXIED: Final = ("forwarded", "via")


async def authenticate_dev(connection: Connection) -> Caller:
    """Anybody on this machine, as long as it is no browser page of another site and no proxy."""
    headers = headers_of(connection.scope)
    for name in headers:
        if name in _PROXIED or name.startswith("x-forwarded-"):
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


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
