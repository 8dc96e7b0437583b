"""From a bearer token to its caller: who, of which tenant, with which scopes.

Checking a signature costs about 500 µs and finding it again 5, so what a token said is kept by the
digest of the token, until it expires, for the tokens used last.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from services.access.keys import Keys
from services.access.tokens import Claims, Rules, TokenRefused, header_of, verify

CACHED_MAX: Final = 10_000
# A key that its issuer took back lets nobody in any longer than this after it was noticed.
CACHED_SECONDS_MAX: Final = 300.0


class _Known(NamedTuple):
    claims: Claims
    until_seconds: float


class Verifier:
    """Verifies tokens by some rules, with keys that are kept elsewhere."""

    def __init__(
        self,
        keys: Keys,
        rules: Rules,
        *,
        now: Callable[[], float] = time.time,
        cached_max: int = CACHED_MAX,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._now = now
        self._cached_max = cached_max
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._generation = keys.generation

    async def claims_of(self, token: str) -> Claims:
        """What a token claims, verified; raises TokenRefused and KeysAway."""
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._now() < known.until_seconds:
            self._known.move_to_end(digest)
            return known.claims
        claims = await self._verified(token)
        self._keep(digest, claims)
        return claims

    async def _verified(self, token: str) -> Claims:
        if not token.isascii():
            raise TokenRefused("the token is no signed JWT")
        header = header_of(token, self._rules)
        key = await self._keys.find(header)
        if key is None:
            raise TokenRefused("the token is signed with a key that is not known")
        return verify(token, key, self._rules, self._now())

    def _keep(self, digest: bytes, claims: Claims) -> None:
        expires = claims.exp + self._rules.leeway_seconds
        self._known[digest] = _Known(claims, min(expires, self._now() + CACHED_SECONDS_MAX))
        self._known.move_to_end(digest)
        while len(self._known) > self._cached_max:
            self._known.popitem(last=False)
