"""A client of our own API for the command line: JSON in, JSON out, problems as errors."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any, Final

_SECONDS_MAX: Final = 30.0


class ProblemAnswered(Exception):
    """The API refused; the text is the problem's detail and code."""


class Query:
    """Calls the API at an address of this machine."""

    def __init__(self, api_url: str) -> None:
        self._api_url = api_url

    async def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET; raises ProblemAnswered."""
        return await asyncio.to_thread(self._call, "GET", path, None, {})

    async def post(self, path: str, body: object, *, key: str) -> dict[str, Any]:
        """The answer to a POST under an Idempotency-Key; raises ProblemAnswered."""
        return await asyncio.to_thread(
            self._call, "POST", path, json.dumps(body).encode(), {"Idempotency-Key": key}
        )

    def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            self._api_url + path,
            data=body,
            method=method,
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS_MAX) as answer:
                content: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as refused:
            raise ProblemAnswered(f"{method} {path}: {_problem(refused)}") from None
        return content


def _problem(refused: urllib.error.HTTPError) -> str:
    try:
        problem = json.load(refused)
        return f"{problem['code']}: {problem['detail']} {problem.get('errors', '')}".rstrip()
    except (ValueError, KeyError):
        return f"HTTP {refused.code}"
