"""Tokens: JWTs (RFC 7519) that say whose books a caller works on, who it is and what it may do.

Signatures are checked by joserfc, with public keys only: no algorithm with a shared secret is ever
taken, so that a public key cannot be mistaken for one. Claims are read by msgspec, strictly.
"""

from typing import Annotated, Final, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key
from msgspec import Meta

from services.execute.envelope import TENANT

ALGORITHMS: Final = (
    *("ES256", "ES384", "ES512", "Ed25519"),
    *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
)
"""What may be configured."""

TOKEN_BYTES_MAX: Final = 8 * 1024
ACTOR_LENGTH_MAX: Final = 200
# As Unix seconds, which RFC 7519 lets be fractions.
Instant = Annotated[float, Meta(ge=0, le=253_402_300_799)]


class TokenRefused(Exception):
    """A token that says nothing: the text tells its bearer why."""


class Rules(NamedTuple):
    """What tokens must be like; fixed by configuration, never by the token."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    leeway_seconds: float


class Header(NamedTuple):
    """What a token says of its own signature; not to be trusted before that is checked."""

    algorithm: str
    key_id: str | None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token claims; whatever else it holds is not looked at."""

    iss: str
    aud: str | list[str]
    sub: Annotated[str, Meta(min_length=1, max_length=ACTOR_LENGTH_MAX)]
    exp: Instant
    nbf: Instant = 0
    iat: Instant = 0
    tenant: Annotated[str, Meta(pattern=rf"^{TENANT.pattern}\Z")]
    scope: str = ""


_decode: Final = msgspec.json.Decoder(Claims).decode
_HEADER_MEMBERS: Final = {"alg", "kid", "typ", "cty", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"}


def header_of(token: str, rules: Rules) -> Header:
    """Which key a token asks for; raises TokenRefused for what can be no token of ours."""
    if len(token) > TOKEN_BYTES_MAX:
        raise TokenRefused(f"the token is longer than {TOKEN_BYTES_MAX} bytes")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise TokenRefused("the token is no signed JWT") from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in rules.algorithms:
        raise TokenRefused(f"the token's algorithm is none of {', '.join(rules.algorithms)}")
    if key_id is not None and not isinstance(key_id, str):
        raise TokenRefused("the token's kid is no text")
    if header.keys() - _HEADER_MEMBERS:  # `crit` and what it stands for, RFC 7515 section 4.1.11
        raise TokenRefused("the token's header asks for more than is understood here")
    return Header(algorithm, key_id)


def verify(token: str, key: Key, rules: Rules, now_seconds: float) -> Claims:
    """The claims of a token that this key signed and that counts now; raises TokenRefused."""
    try:
        payload = jws.deserialize_compact(token, key, algorithms=list(rules.algorithms)).payload
    except (JoseError, ValueError) as error:
        raise TokenRefused("the token's signature does not fit") from error
    try:
        claims = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TokenRefused(f"the token's claims cannot be read: {error}") from error
    _check(claims, rules, now_seconds)
    return claims


def _check(claims: Claims, rules: Rules, now_seconds: float) -> None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != rules.issuer:
        raise TokenRefused("the token is of another issuer")
    if rules.audience not in audiences:
        raise TokenRefused("the token is for another audience")
    if claims.exp <= now_seconds - rules.leeway_seconds:
        raise TokenRefused("the token has expired")
    if max(claims.nbf, claims.iat) > now_seconds + rules.leeway_seconds:
        raise TokenRefused("the token does not count yet")
    if not claims.sub.isprintable():
        raise TokenRefused("the token's sub has characters that cannot be shown")


def mint(key: Key, algorithm: str, claims: Claims) -> str:
    """A token, signed."""
    header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
    return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[algorithm])
