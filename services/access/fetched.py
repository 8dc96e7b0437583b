"""The keys of an issuer that publishes them (RFC 7517, a JWK Set at a URL), kept up to date.

An issuer that is away costs nothing: the keys that were fetched last go on being used. A token
that names an unknown key has them fetched again, but not more often than every few seconds,
whatever strangers send.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc.jwk import Key

from services.access.keys import KeysAway, chosen, keys_of_set
from services.access.tokens import Header

AGE_SECONDS_MAX: Final = 300.0
AGAIN_SECONDS_MIN: Final = 5.0
FETCH_SECONDS_MAX: Final = 5.0
DOCUMENT_BYTES_MAX: Final = 256 * 1024
# Why is in the log: it may hold addresses and names, which are not for callers.
_AWAY: Final = "the keys of the tokens' issuer could not be fetched yet"

_log = structlog.get_logger()


class NotFetched(Exception):
    """What an issuer answered is no key set; the text says why."""


class FetchedKeys:
    """The key set of a URL; fetched when it is first needed, when it is old, for an unknown key."""

    def __init__(
        self,
        url: str,
        *,
        age_seconds_max: float = AGE_SECONDS_MAX,
        again_seconds_min: float = AGAIN_SECONDS_MIN,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self.generation = 0
        self._age_seconds_max = age_seconds_max
        self._again_seconds_min = again_seconds_min
        self._now = now
        self._keys: list[Key] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, header: Header) -> Key | None:
        """The key that a token asks for; raises KeysAway while none was ever fetched."""
        key = chosen(self._keys, header)
        if key is None:
            await self.refresh()
            key = chosen(self._keys, header)
        elif self._now() - self._fetched_at > self._age_seconds_max:
            self._begin()  # nobody waits: what is known is good until something else is
        if not self._keys:
            raise KeysAway(_AWAY)
        return key

    async def missing(self) -> dict[str, str]:
        """What keeps tokens from being verified, for readiness; empty when nothing does."""
        if not self._keys:
            await self.refresh()
        return {} if self._keys else {"keys": _AWAY}

    async def refresh(self) -> None:
        """Fetch, unless that was tried a moment ago; callers at the same time share one fetch."""
        if (fetching := self._begin()) is not None:
            await asyncio.shield(fetching)

    def _begin(self) -> "asyncio.Task[None] | None":
        if self._fetching is None and self._now() - self._tried_at >= self._again_seconds_min:
            self._tried_at = self._now()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                keys = keys_of_set(await _read(self.url))
        except (httpx.HTTPError, NotFetched, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            _log.error("keys not fetched", url=self.url, reason=reason, known=len(self._keys))
        else:
            if [key.as_dict() for key in keys] != [key.as_dict() for key in self._keys]:
                self.generation += 1
                _log.info("keys fetched", url=self.url, kids=[key.kid for key in keys])
            self._keys, self._fetched_at = keys, self._now()
        finally:
            self._fetching = None


async def _read(url: str) -> bytes:
    """The document of a URL; a redirect is no answer, since it may lead anywhere."""
    async with (
        httpx.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS_MAX) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise NotFetched(f"HTTP {response.status_code}")
        content = b""
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > DOCUMENT_BYTES_MAX:
                raise NotFetched(f"more than {DOCUMENT_BYTES_MAX} bytes")
        return content


def is_safe(url: str) -> bool:
    """Whether nobody between us and the issuer can put keys of their own in its place."""
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and is_here)
