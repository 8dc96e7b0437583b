"""Documents by signed links, for whoever was sent one: no token is asked for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

import structlog
from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Stream

from services.api.dependencies import Dependencies
from services.api.media import PDF, PRODUCES
from services.api.problems import Problem, unavailable
from services.api.routes import problems
from services.links import PATH, Link, LinkExpired, LinkInvalid, read_link
from services.objects import (
    ObjectNotFound,
    ObjectStoreDenied,
    ObjectStoreUnreachable,
    object_key,
)

_LINKED: Final = ("statements/", "invoices/")
_log = structlog.get_logger()


@get(
    PATH + "/{token:str}",
    summary="Read a document by its link",
    tags=["documents"],
    responses=problems("VALIDATION_FAILED", "NOT_FOUND"),
    media_type=PDF,
    opt={PRODUCES: {PDF: "%PDF-1.7"}},
    response_description="The document",
)
async def get_document(
    dependencies: NamedDependency[Dependencies],
    token: Annotated[str, PathParameter(description="of the link, as it was sent")],
) -> Stream:
    """The PDF that a statement's or a reminder's link leads to, until the link expires."""
    link = _read(dependencies, token)
    with dependencies.crowd.joined(link.tenant):
        try:
            key = object_key(link.tenant, *link.document.split("/"))
            opened = await dependencies.objects.open(key)
        except (ObjectNotFound, ValueError) as missing:
            raise Problem("NOT_FOUND", "the document is kept no more") from missing
        except (ObjectStoreUnreachable, ObjectStoreDenied) as away:
            _log.error("object store unavailable", tenant=link.tenant, reason=str(away))
            raise unavailable("documents are away: follow the link again in a while") from away
    return Stream(
        _bytes(opened.chunks),
        headers={
            "Content-Type": PDF,
            "Content-Length": str(opened.size_bytes),
            "Content-Disposition": "inline",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
        },
    )


def _read(dependencies: Dependencies, token: str) -> Link:
    try:
        link = read_link(dependencies.link_keys, token, datetime.now(UTC))
    except (LinkInvalid, LinkExpired) as wrong:
        raise Problem("NOT_FOUND", str(wrong)) from wrong
    if not link.document.startswith(_LINKED):
        raise Problem("NOT_FOUND", "that link leads to no document")
    return link


async def _bytes(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
