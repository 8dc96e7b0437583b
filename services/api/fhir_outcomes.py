"""Under /fhir every failure is an OperationOutcome, also those that no FHIR code of ours sees."""

import re
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response

from services.api.context import context_of
from services.api.media import FHIR_JSON
from services.api.problems import ProblemDetails
from services.fhir.content import encode
from services.fhir.problem import FhirProblem, Issue, outcome

_FHIR: Final = re.compile(r"(/Organization/[^/]+)?/fhir(/.*)?", re.DOTALL)
_ISSUE_CODES: Final = {
    "UNAUTHENTICATED": "login",
    "ACCESS_DENIED": "forbidden",
    "NOT_FOUND": "not-found",
    "METHOD_NOT_ALLOWED": "not-supported",
    "NOT_ACCEPTABLE": "not-supported",
    "MEDIA_TYPE_UNSUPPORTED": "not-supported",
    "BODY_TOO_LARGE": "too-long",
    "TOO_MANY_REQUESTS": "throttled",
    "INTERNAL": "exception",
    "UNAVAILABLE": "transient",
}
Handler = Callable[..., Response[Any]]


def answer_fhir(request: Request[Any, Any, Any], problem: FhirProblem) -> Response[bytes]:
    """The response to an interaction that ended with a problem."""
    return _response(problem.status, outcome(problem.issues), {})


def in_fhir(handler: Handler) -> Handler:
    """Answers as the handler does, in FHIR's words where FHIR was asked for."""

    def answer(request: Request[Any, Any, Any], fault: Any) -> Response[Any]:
        response = handler(request, fault)
        details = response.content
        if not isinstance(details, ProblemDetails) or not _FHIR.fullmatch(request.scope["path"]):
            return response
        trace = f" (trace {context_of(request.scope).trace_id})" if details.status >= 500 else ""
        issue = Issue(_ISSUE_CODES.get(details.code, "invalid"), details.detail + trace)
        return _response(details.status, outcome([issue]), dict(response.headers))

    return answer


def _response(status: int, content: Any, headers: dict[str, str]) -> Response[bytes]:
    return Response(encode(content), status_code=status, media_type=FHIR_JSON, headers=headers)
