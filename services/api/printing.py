"""Documents as PDF over HTTP: who asks for one, in which language, and what is answered."""

import asyncio
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.params import QueryParameter

from projections.statements import AnyConnection
from services.api.dependencies import Dependencies
from services.api.media import JSON, PDF
from services.api.parameters import PRINTED
from services.api.problems import Problem, invalid
from services.api.tagging import is_known
from services.documents.paper import Paper
from services.documents.rendering import PaperTooLong, RendererBusy, check_length
from services.documents.sender import Sender
from services.documents.style import Style, choose_style, style_of
from services.documents.words import LANGUAGES
from services.letterheads import find_sender

VARY: Final = {"Vary": "Accept, Accept-Language"}
_RELEASE: Final = version("daybook")
_log = structlog.get_logger()

PrintLanguage = Annotated[
    str | None,
    QueryParameter(
        name="language",
        required=False,
        description="BCP 47 tag of the PDF's language (en, ps, prs or fa-AF, ar), else the"
        " account's, else the first of Accept-Language that documents are printed in",
        max_length=35,
        pattern=PRINTED,
    ),
]


def wants_pdf(request: Request[Any, Any, Any]) -> bool:
    """Whether the caller would rather have the document than JSON."""
    asked = request.headers.get("accept", JSON)
    return asked != JSON and request.accept.best_match([JSON, PDF]) == PDF


async def dressed(
    connection: AnyConnection,
    request: Request[Any, Any, Any],
    language: str | None,
    account_language: str,
    facility: str,
) -> tuple[Style, Sender]:
    """The style and the sender of a document; raises Problem for a language that is not printed."""
    if language is not None and style_of(language) is None:
        raise invalid("query:language", f"documents are printed in {', '.join(LANGUAGES)}")
    wanted = (language, account_language, *_accepted(request))
    chosen = choose_style(wanted)
    sender = await find_sender(connection, facility, chosen.style.language)
    if chosen.reason is not None:
        _log.info("document in another language", facility=facility, reason=chosen.reason)
    return choose_style(wanted, sender.calendar).style, sender


async def printed(
    request: Request[Any, Any, Any],
    dependencies: Dependencies,
    rows: int,
    make_paper: Callable[[], Paper],
    style: Style,
) -> Response[Any]:
    """The document with its ETag, or 304 when the caller has it; raises Problem."""
    try:
        check_length(rows)
        # In a thread: some thousand lines would hold up every other request.
        paper = await asyncio.to_thread(make_paper)
        etag = _etag(paper)
        headers = {**VARY, "ETag": etag, "Content-Language": style.tag}
        if is_known(etag, request.headers.get("if-none-match", "")):
            return Response(None, status_code=304, headers=headers)
        content = await dependencies.render(paper)
    except PaperTooLong as long:
        raise Problem("NOT_ACCEPTABLE", f"{long}; it can be read as {JSON}") from long
    except RendererBusy as busy:
        raise Problem("UNAVAILABLE", str(busy)) from busy
    return Response(content, media_type=PDF, headers=headers)


def _etag(paper: Paper) -> str:
    """Of what is on the pages: the same paper gives the same bytes in one release."""
    digest = hashlib.sha256(_RELEASE.encode() + msgspec.json.encode(paper)).hexdigest()
    return f'"{digest[:32]}"'


def _accepted(request: Request[Any, Any, Any]) -> list[str]:
    """The languages of Accept-Language, the most wanted first (RFC 9110, 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "")[:512].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if tag and tag != "*" and quality > 0:
            found.append((-quality, tag[:35]))
    return [tag for _, tag in sorted(found, key=lambda pair: pair[0])]
