"""Every failure as an RFC 9457 problem: one shape for validation, refusals and faults alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from msgspec import Meta

from services.api.codes import CODES
from services.api.context import context_of, headers_of
from services.execute.envelope import Refused

PROBLEM_JSON: Final = "application/problem+json"
# Less than what the server has read of a connection by the time that it answers.
_READ_AHEAD_BYTES: Final = 4096
_TYPE: Final = "urn:daybook:problem:"


OUR_FAULT: Final = "something went wrong on our side; the trace_id finds it in our logs"


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request."""

    path: Annotated[
        str,
        Meta(
            description="JSON path into the body, or `query:`, `header:` and the name",
            examples=["$.prices[0].unit_price.amount", "query:limit", "header:Idempotency-Key"],
        ),
    ]
    message: str


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far behind the log a read model is."""

    events: int
    seconds: Annotated[
        float, Meta(description="since the oldest event that it has not seen was committed")
    ]


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failed request (RFC 9457). Branch on `code`: it is stable, the texts are not."""

    type: Annotated[str, Meta(description="URI of the kind of problem")]
    title: Annotated[str, Meta(description="the same for every problem of this code")]
    status: Annotated[int, Meta(description="the HTTP status again")]
    detail: Annotated[str, Meta(description="what happened this time and what to do about it")]
    code: Annotated[str, Meta(description="stable code", examples=["VALIDATION_FAILED"])]
    message: Annotated[str, Meta(description="a copy of `detail`")]
    trace_id: Annotated[str, Meta(description="names this request in logs and traces")]
    errors: Annotated[
        tuple[FieldError, ...], Meta(description="what is wrong with the request, where known")
    ] = ()
    lag: Annotated[Lag | None, Meta(description="with NOT_YET: how far behind")] = None


class Problem(Exception):
    """Ends a request with a problem of the error table."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        lag: Lag | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.lag = lag


def invalid(path: str, message: str, *, code: str = "VALIDATION_FAILED") -> Problem:
    """The problem of one field; `path` as in FieldError."""
    return Problem(code, f"{path}: {message}", errors=[FieldError(path=path, message=message)])


def refusal(refused: Refused, path_of: Callable[[Refused], str]) -> Problem:
    """The problem of a refused command; `path_of` tells the field that a refusal is about."""
    headers = {"Idempotency-Replayed": "true"} if refused.replayed else {}
    if refused.code == "INTERNAL":
        # Why is in the log of whoever executed it, under the same correlation id.
        return Problem("INTERNAL", OUR_FAULT)
    if CODES[refused.code].status != 400:
        return Problem(refused.code, refused.detail, headers=headers)
    errors = [FieldError(path=path_of(refused), message=refused.detail)]
    return Problem(refused.code, refused.detail, errors=errors, headers=headers)


def of_item(refused: Refused, path: str) -> Problem:
    """The problem of a batch that one item refused; `path` says which."""
    whole = refusal(refused, lambda _: path)
    if whole.code == "INTERNAL":
        return whole
    errors = [FieldError(path=path, message=refused.detail)]
    return Problem(whole.code, f"{path}: {refused.detail}", errors=errors, headers=whole.headers)


def unavailable(detail: str) -> Problem:
    """The problem of a service that works again later."""
    return Problem("UNAVAILABLE", detail)


def answer(request: Request[Any, Any, Any], problem: Problem) -> Response[ProblemDetails]:
    """The response to a request that ended with a problem."""
    code = CODES[problem.code]
    headers = problem.headers
    if code.retry_after_seconds is not None:
        headers = {"Retry-After": str(code.retry_after_seconds)} | headers
    if _may_be_unread(request):
        headers = {"Connection": "close"} | headers
    details = ProblemDetails(
        type=_type(problem.code),
        title=code.title,
        status=code.status,
        detail=problem.detail,
        code=problem.code,
        message=problem.detail,
        trace_id=context_of(request.scope).trace_id,
        errors=problem.errors,
        lag=problem.lag,
    )
    return Response(details, status_code=code.status, media_type=PROBLEM_JSON, headers=headers)


def _may_be_unread(request: Request[Any, Any, Any]) -> bool:
    """Whether a body that nobody read would be taken for the connection's next request.

    The server then ends the connection, and the client must know before it sends another one.
    """
    headers = headers_of(request.scope)
    announced = headers.get("content-length", "0")
    return "transfer-encoding" in headers or (
        not announced.isdecimal() or int(announced) > _READ_AHEAD_BYTES
    )


def problem_example(name: str) -> dict[str, Any]:
    """An OpenAPI example of a problem."""
    detail = "what happened this time, and what to do about it"
    details = ProblemDetails(
        type=_type(name),
        title=CODES[name].title,
        status=CODES[name].status,
        detail=detail,
        code=name,
        message=detail,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    )
    return {"summary": CODES[name].title, "value": msgspec.to_builtins(details)}


def _type(name: str) -> str:
    return _TYPE + name.lower().replace("_", "-")
