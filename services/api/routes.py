"""How routes are declared: each says its scope, its problems and what it reads from."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from litestar import Response, get, post, route
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from services.api.auth import READ, SCOPE
from services.api.body import BODY_BYTES_MAX, StrictJson
from services.api.calls import ETAG, KEY
from services.api.codes import CODES
from services.api.ledger import Recorded
from services.api.media import JSON, PDF, PRODUCES
from services.api.methods import IMMUTABLE
from services.api.modules import MODULE
from services.api.problems import PROBLEM_JSON, Problem, ProblemDetails
from services.api.reading import PROJECTIONS
from services.commands import BY_COMMAND
from services.execute.envelope import Done
from services.licences import Module

Route = Callable[[Callable[..., Any]], HTTPRouteHandler]

_ALWAYS: Final = (
    *("UNAUTHENTICATED", "ACCESS_DENIED", "NOT_ACCEPTABLE"),
    *("TOO_MANY_REQUESTS", "INTERNAL", "UNAVAILABLE"),
)
_COMMANDS: Final = (
    "VALIDATION_FAILED",
    "BODY_TOO_LARGE",
    "MEDIA_TYPE_UNSUPPORTED",
    "ACCOUNT_VERSION_CONFLICT",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_FLIGHT",
    "LOCK_TIMEOUT",
    "MODULE_NOT_ACTIVE",
)


def command(
    path: str,
    kind: type,
    *,
    summary: str,
    codes: tuple[str, ...] = (),
    key_required: bool = False,
    of_account: bool = True,
    module: Module = Module.CORE,
    body_bytes_max: int = BODY_BYTES_MAX,
    status_code: int = 201,
    preview: type | None = None,
    begun: type | None = None,
    tag: str | None = None,
    scope: str | None = None,
) -> Route:
    """A POST that executes a command of this kind, with the scope that its table says.

    `of_account`: it is about one, whose ETag it takes as If-Match.

    `status_code` is 202 where what was asked for is done behind the answer; `preview` is what it
    answers to `dry_run=true`, where it takes that; `begun` what it answers, with 202, while the
    outcome is not known yet; `tag` its heading in the document, where the path does not say it;
    `scope` another one than the command's.
    """
    dry = {
        200: ResponseSpec(
            preview, description="What would be booked; nothing was", generate_examples=False
        )
    }
    return post(
        path,
        status_code=status_code,
        summary=summary,
        dto=StrictJson,
        request_max_body_size=body_bytes_max,
        responses=problems(*_COMMANDS, *codes) | (dry if preview else {}) | _begun(begun),
        response_description="Done, now or when this key was first used",
        response_headers=[
            _header("Location", "/v1/charges/chg_", "where to read it"),
            _header("Idempotency-Replayed", "true", "`true` on the answer to a repeat"),
        ],
        tags=[tag or _tag(path)],
        opt={
            SCOPE: scope or BY_COMMAND[kind].scope,
            KEY: key_required,
            ETAG: of_account,
            MODULE: module,
        },
    )


def _begun(answer: type | None) -> dict[int, ResponseSpec]:
    if answer is None:
        return {}
    description = "Begun: read what comes of it at the Location"
    return {202: ResponseSpec(answer, description=description, generate_examples=False)}


def query(
    path: str,
    *projections: str,
    summary: str,
    scope: str = READ,
    codes: tuple[str, ...] = (),
    tagged: bool = False,
    document: bool = False,
    module: Module | None = None,
    tag: str | None = None,
) -> Route:
    """A GET over read models; `tagged`: its ETag names a version, as If-Match takes; `document`: it
    can be had as PDF."""
    codes = codes if module is None else (*codes, "MODULE_NOT_ACTIVE")
    etag = (
        _header("ETag", 'W/"7-1204"', "for If-None-Match, and of an account for If-Match")
        if tagged
        else _header("ETag", 'W/"c-5f2b"', "for If-None-Match")
    )
    unchanged = {
        304: ResponseSpec(None, description="You have it already", generate_examples=False)
    }
    return get(
        path,
        summary=summary,
        responses=problems("VALIDATION_FAILED", "NOT_YET", *codes) | unchanged,
        response_headers=[etag],
        response_description="Found",
        tags=[tag or _tag(path)],
        opt={
            SCOPE: scope,
            PROJECTIONS: projections,
            MODULE: module,
            **({PRODUCES: {JSON: None, PDF: "%PDF-1.7"}} if document else {}),
        },
    )


def download(
    path: str, media_types: dict[str, Any], *, summary: str, scope: str, module: Module
) -> Route:
    """A GET of a file, streamed; by media type an example of what is in it."""
    return get(
        path,
        summary=summary,
        responses=problems(
            "VALIDATION_FAILED", "NOT_FOUND", "STATE_CONFLICT", "NOT_YET", "MODULE_NOT_ACTIVE"
        ),
        response_description="The file",
        tags=[_tag(path)],
        opt={SCOPE: scope, PROJECTIONS: (), MODULE: module, PRODUCES: media_types},
    )


def _header(name: str, value: str, description: str) -> ResponseHeader:
    return ResponseHeader(name=name, value=value, description=description, documentation_only=True)


def _tag(path: str) -> str:
    return path.split("/")[1].partition(":")[0].replace("-", " ")


def immutable(*paths: str) -> HTTPRouteHandler:
    """Answers whoever tries to change what is in the books."""

    @route(
        list(paths),
        http_method=IMMUTABLE,
        include_in_schema=False,
        sync_to_thread=False,
        opt={SCOPE: None},
    )
    def refuse_change() -> None:
        raise Problem(
            "LEDGER_IMMUTABLE",
            "what is in the books stays: correct it with a reversal, a refund or an adjustment",
        )

    return refuse_change


def created(
    location: str, answer: Any, recorded: Recorded, *, status_code: int = 201
) -> Response[Any]:
    """201 with the place of what was made; a repeat says that it is one."""
    return Response(
        answer, status_code=status_code, headers={"Location": location} | _replay(recorded)
    )


def answered(answer: Any, done: Done, **headers: str) -> Response[Any]:
    """What the route answers with, under its own status; a repeat says that it is one."""
    return Response(answer, headers=headers | _replay(done))


def _replay(recorded: Recorded | Done) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if recorded.replayed else {}


def previewed(answer: Any) -> Response[Any]:
    """200 with what would be booked."""
    return Response(answer, status_code=200)


def problems(*codes: str) -> dict[int, ResponseSpec]:
    """The documentation of these problems, and of those that any route of /v1 can answer."""
    return specs(*codes, *_ALWAYS)


def specs(*codes: str) -> dict[int, ResponseSpec]:
    """The documentation of these problems alone."""
    by_status: dict[int, list[str]] = {}
    for name in sorted({*codes}, key=lambda name: (CODES[name].status, name)):
        by_status.setdefault(CODES[name].status, []).append(name)
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            description=f"{HTTPStatus(status).phrase}: {', '.join(names)}",
            media_type=PROBLEM_JSON,
            generate_examples=False,
            # Only the names: what they stand for is the same for every route.
            examples=[Example(id=name) for name in names],
        )
        for status, names in by_status.items()
    }
