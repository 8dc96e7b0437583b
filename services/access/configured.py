"""How this process knows its callers, from its settings; nothing is served without a way to."""

import re
from typing import NamedTuple

from services.access.bearer import Verifier
from services.access.fetched import FetchedKeys, is_safe
from services.access.keys import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    Keys,
    KnownKeys,
    read_keys,
)
from services.access.tokens import ALGORITHMS, Rules
from services.api.auth import Authenticate, authenticate_dev, authenticate_jwt, is_loopback
from services.api.dependencies import Missing
from services.cannot_run import CannotRun
from services.settings import Settings


class AuthNotConfigured(CannotRun):
    """Nothing says how callers are known, or it would let strangers in: the API does not start."""


class Authentication(NamedTuple):
    """How callers are known, and what of it is not there yet."""

    authenticate: Authenticate
    missing: Missing


async def _nothing_missing() -> dict[str, str]:
    return {}


def authentication(settings: Settings) -> Authentication:
    """How this process knows its callers; raises AuthNotConfigured and KeyUnusable."""
    match settings.auth:
        case "jwt":
            return _by_token(settings)
        case "dev" if is_loopback(settings.api_host):
            return Authentication(authenticate_dev, _nothing_missing)
        case "dev":
            raise AuthNotConfigured(
                f"DAYBOOK_AUTH=dev lets anybody in and {settings.api_host} is no loopback address: "
                "set DAYBOOK_API_HOST=127.0.0.1"
            )
    raise AuthNotConfigured(
        "nothing says how callers are known: set DAYBOOK_AUTH=jwt with DAYBOOK_AUTH_JWKS_URL or "
        "DAYBOOK_AUTH_KEY_FILE; DAYBOOK_AUTH=dev, as of `daybook up`, is for this machine alone"
    )


def _by_token(settings: Settings) -> Authentication:
    url, file = settings.auth_jwks_url, settings.auth_key_file
    if url is not None and file is None:
        if not is_safe(url):
            raise AuthNotConfigured(
                "DAYBOOK_AUTH_JWKS_URL has to begin with https:// (or name this machine): others "
                "could put keys of their own in its place"
            )
        fetched = FetchedKeys(url)
        return _verified_by(fetched, settings, fetched.missing)
    if file is not None and url is None:
        return _verified_by(KnownKeys(read_keys(file)), settings, _nothing_missing)
    raise AuthNotConfigured(
        "DAYBOOK_AUTH=jwt takes either DAYBOOK_AUTH_JWKS_URL, where an issuer publishes its keys, "
        "or DAYBOOK_AUTH_KEY_FILE, a file with a key"
    )


def _verified_by(keys: Keys, settings: Settings, missing: Missing) -> Authentication:
    return Authentication(authenticate_jwt(Verifier(keys, rules_of(settings))), missing)


def rules_of(settings: Settings) -> Rules:
    """What tokens must be like; raises AuthNotConfigured.

    An issuer of somebody else is named; tokens of a key file are by default those of
    `daybook token`.
    """
    issuer, audience = settings.auth_issuer, settings.auth_audience
    if settings.auth_jwks_url is None:
        issuer, audience = issuer or LOCAL_ISSUER, audience or LOCAL_AUDIENCE
    if not issuer or not audience:
        raise AuthNotConfigured(
            "DAYBOOK_AUTH_JWKS_URL needs DAYBOOK_AUTH_ISSUER and DAYBOOK_AUTH_AUDIENCE: the `iss` "
            "of your issuer's tokens, and the `aud` of those that are meant for Daybook"
        )
    algorithms = tuple(re.split(r"[\s,]+", settings.auth_algorithms.strip()))
    unknown = sorted(set(algorithms) - set(ALGORITHMS))
    if unknown:
        raise AuthNotConfigured(
            f"DAYBOOK_AUTH_ALGORITHMS names {', '.join(map(repr, unknown))}: choose from "
            f"{', '.join(ALGORITHMS)}"
        )
    return Rules(issuer, audience, algorithms, settings.auth_leeway_seconds)
