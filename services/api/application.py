"""How requests come in: commands to what answers them, everything else to Litestar."""

from collections.abc import Mapping
from typing import Any

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import Message, Send
from litestar.utils import normalize_path

from relay import spans
from services.api.endpoint import Endpoint
from services.api.fittings import Fittings
from services.api.methods import HEAD_ASKED
from services.api.tracing import traced


class Application(Litestar):
    """Answers HEAD as GET without the body, on every route that has a GET."""

    fittings: Fittings
    endpoints: Mapping[Any, Endpoint]
    """By its handler, what answers a command."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI entry point."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET", HEAD_ASKED: True}, _without_body(send)
        if spans.tracer() is not None:
            await traced(self._answer, scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self._endpoint(scope) if scope["method"] == "POST" else None
        await (answer or super().__call__)(scope, receive, send)

    def _endpoint(self, scope: Any) -> Endpoint | None:
        """What answers a command; None for everything else, which Litestar routes by itself."""
        try:
            _, handler, path, parameters, template = self.asgi_router.handle_routing(
                path=normalize_path(scope["path"]), method="POST"
            )
        except HTTPException:
            return None
        found = self.endpoints.get(handler)
        if found is not None:
            scope |= {
                "path": path,
                "path_params": parameters,
                "path_template": template,
                "litestar_app": self,
            }
        return found


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return send_head
