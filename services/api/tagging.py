"""An ETag on every answer to a query that has none of its own: a digest of what it says."""

import hashlib
from typing import Any, Final

from litestar.datastructures import Headers
from litestar.types import Message, Scope, Send

from services.api.context import headers_of

_LENGTH: Final = 32


def tagging(scope: Scope, send: Send) -> Send:
    """Sends a whole answer with its tag, or 304 when the caller has it already."""
    begun: dict[str, Any] | None = None

    async def send_tagged(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start" and _is_taggable(message):
            begun = {**message}
            return
        if begun is None:
            await send(message)
            return
        start, begun = begun, None
        if message["type"] == "http.response.body" and not message.get("more_body"):
            tag = f'W/"c-{hashlib.sha256(message["body"]).hexdigest()[:_LENGTH]}"'
            start["headers"] = [*start["headers"], (b"etag", tag.encode())]
            if is_known(tag, headers_of(scope).get("if-none-match", "")):
                kept = (b"content-length", b"content-type")
                start["headers"] = [each for each in start["headers"] if each[0] not in kept]
                start["status"], message["body"] = 304, b""
        await send(start)  # type: ignore[arg-type]  # it is the message that came
        await send(message)

    return send_tagged


def _is_taggable(message: Any) -> bool:
    headers = Headers(message["headers"])
    is_whole = headers.get("content-type", "").startswith("application/json")
    return message["status"] == 200 and is_whole and "etag" not in headers


def is_known(tag: str, wanted: str) -> bool:
    """Whether an If-None-Match names this tag, weakly as RFC 9110, 13.1.2 wants: W/ or not."""
    named = (each.strip().removeprefix("W/") for each in wanted.split(","))
    return wanted.strip() == "*" or tag.removeprefix("W/") in named
