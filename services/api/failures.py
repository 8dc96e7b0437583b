"""What ends a request without a problem of ours: the framework's refusals, outages and faults."""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException, ValidationException

from contracts.wording import in_words
from services.api.body import DISCONNECTED
from services.api.codes import BY_STATUS
from services.api.context import context_of
from services.api.fhir_outcomes import answer_fhir, in_fhir
from services.api.methods import allowed, method_asked
from services.api.parameters import MEANINGS
from services.api.problems import (
    OUR_FAULT,
    FieldError,
    Problem,
    ProblemDetails,
    answer,
    invalid,
    unavailable,
)
from services.crash_reports import report
from services.execute.attempt import LedgerUnavailable
from services.fhir.problem import FhirProblem

_log = structlog.get_logger()


def _of_framework(
    request: Request[Any, Any, Any], refused: HTTPException
) -> Response[ProblemDetails]:
    if refused.detail == DISCONNECTED:
        # Nobody reads the answer; it only says how the request is to be counted.
        _log.debug("client left within its body", path=request.scope["path"])
        return answer(request, invalid("$", "the body ended before it was whole"))
    if refused.status_code not in BY_STATUS:
        return _of_fault(request, refused)
    return answer(request, _translated(request, refused))


def _translated(request: Request[Any, Any, Any], refused: HTTPException) -> Problem:
    code = BY_STATUS[refused.status_code]
    headers = {name.title(): value for name, value in (refused.headers or {}).items()}
    match code:
        case "NOT_FOUND":
            return Problem(code, f"there is no {request.scope['path']}")
        case "METHOD_NOT_ALLOWED":
            found = headers["Allow"] = allowed(headers.get("Allow", "").split(", "))
            return Problem(code, f"{request.method} is not one of {found}", headers=headers)
        case "BODY_TOO_LARGE":
            most = request.route_handler.resolve_request_max_body_size()
            return Problem(code, f"the body is larger than {most} bytes: send it in parts")
        case _ if isinstance(refused, ValidationException):
            return _validation(request, refused)
    return Problem(code, refused.detail, headers=headers)


def _validation(request: Request[Any, Any, Any], refused: ValidationException) -> Problem:
    found = [entry for entry in refused.extra or () if isinstance(entry, dict)]
    if any(entry.get("source") == ParamType.PATH for entry in found):
        # An id that cannot be one names nothing.
        return Problem("NOT_FOUND", f"there is no {request.scope['path']}")
    errors = [_field_error(entry) for entry in found]
    if not errors:
        missing = re.search(r"Missing required (\w+) parameter '([^']+)'", refused.detail)
        path = f"{missing[1]}:{missing[2]}" if missing else "$"
        errors = [FieldError(path=path, message="it is required" if missing else refused.detail)]
    return Problem(
        "VALIDATION_FAILED",
        "; ".join(f"{error.path}: {error.message}" for error in errors),
        errors=errors,
    )


def _field_error(entry: dict[str, Any]) -> FieldError:
    source, key = entry.get("source", ParamType.QUERY), entry.get("key")
    if source == "body":
        return FieldError(path="$", message="a JSON body is required")
    return FieldError(
        path=f"{ParamType(source).value}:{key}", message=in_words(entry["message"], MEANINGS)
    )


def _of_fault(request: Request[Any, Any, Any], fault: Exception) -> Response[ProblemDetails]:
    context = context_of(request.scope)
    _log.error(
        "request failed",
        method=method_asked(request.scope),
        path=request.scope["path"],
        trace_id=context.trace_id,
        correlation_id=context.correlation_id,
        exc_info=fault,
    )
    route = request.scope.get("path_template")
    report(fault, code="INTERNAL", route=route, trace_id=context.trace_id)
    return answer(request, Problem("INTERNAL", OUR_FAULT))


def _of_outage(
    request: Request[Any, Any, Any], fault: LedgerUnavailable
) -> Response[ProblemDetails]:
    _log.warning("ledger unavailable", path=request.scope["path"], reason=str(fault))
    detail = "the ledger's database is away: repeat the request with the same Idempotency-Key"
    return answer(request, unavailable(detail))


HANDLERS: Final[dict[int | type[Exception], Callable[..., Response[Any]]]] = {
    Problem: in_fhir(answer),
    FhirProblem: answer_fhir,
    HTTPException: in_fhir(_of_framework),
    LedgerUnavailable: in_fhir(_of_outage),
    Exception: in_fhir(_of_fault),
}


def ended(request: Request[Any, Any, Any], fault: Exception) -> Response[ProblemDetails]:
    """The response to a request that this ended."""
    handler = next(HANDLERS[kind] for kind in type(fault).__mro__ if kind in HANDLERS)
    return handler(request, fault)
