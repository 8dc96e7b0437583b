"""HTTP to other systems: a time limit, a bounded answer, no way to another origin."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from services.cannot_run import CannotRun

ANSWER_BYTES_MAX: Final = 1024 * 1024
_REDIRECTS_MAX: Final = 3
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Away(Exception):
    """No answer that can be used, and no knowing what the other side did; the text says why."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises Away."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as invalid:
            raise Away(f"HTTP {self.status} without readable JSON: {invalid}") from None


class Outbound:
    """A client of one origin; `setting` names where its address comes from."""

    def __init__(
        self,
        base_url: str,
        *,
        setting: str,
        seconds_max: float = 10.0,
        headers: Mapping[str, str] | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        _check(base_url, setting)
        self._answer_bytes_max = answer_bytes_max
        self._base_url = base_url.rstrip("/")
        self._seconds_max = seconds_max
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "daybook", **(headers or {})},
            timeout=seconds_max,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
            trust_env=False,  # whatever proxy the environment names is none of these systems
        )

    @property
    def netloc(self) -> str:
        """Host and port that everything goes to."""
        return urlsplit(self._base_url).netloc

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """A GET, which follows redirects within the origin; raises Away."""
        request = self._client.build_request("GET", self._base_url + path, params=query)
        for _ in range(_REDIRECTS_MAX + 1):
            answer = await self._send(request)
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            following = request.url.join(location)
            if _origin(following) != _origin(request.url):
                raise Away(f"it redirects to another origin, {following.host}: not followed")
            request = self._client.build_request("GET", following)
        raise Away(f"it redirects more than {_REDIRECTS_MAX} times")

    async def post(
        self, path: str, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A POST, which follows no redirect; raises Away."""
        typed = {"Content-Type": media_type, **(headers or {})}
        return await self.request("POST", path, content=content, headers=typed)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request, which follows no redirect; raises Away."""
        return await self._send(
            self._client.build_request(
                method, self._base_url + path, params=query, content=content, headers=headers
            )
        )

    async def _send(self, request: httpx.Request) -> Answer:
        try:
            # httpx limits each read; a body that trickles in is limited here.
            async with asyncio.timeout(self._seconds_max):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _bounded(response, self._answer_bytes_max)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Away(f"no answer within {self._seconds_max:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            raise Away(f"{type(failed).__name__}: {failed}") from failed
        return Answer(response.status_code, response.headers, body)


async def _bounded(response: httpx.Response, bytes_max: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > bytes_max:
            raise Away(f"its answer is larger than {bytes_max} bytes")
    return bytes(body)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _check(base_url: str, setting: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise CannotRun(f"{setting} is no address such as https://host/path: {base_url!r}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise CannotRun(f"{setting} is not encrypted: http:// is for this machine, use https://")
