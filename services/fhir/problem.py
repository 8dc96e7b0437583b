"""What a FHIR interaction ends with when it is not done, as an OperationOutcome says it."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple


class Issue(NamedTuple):
    """One thing that is wrong."""

    code: str
    """Of http://hl7.org/fhir/R4/valueset-issue-type.html."""
    detail: str
    expression: str = ""
    """FHIRPath of the element, where it is known."""


class FhirProblem(Exception):
    """Ends an interaction; `status` is the one that FHIR's REST gives it."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(issue.detail for issue in issues))
        self.status = status
        self.issues = tuple(issues)


ISSUES_MAX: Final = 20


def refused(status: int, code: str, detail: str, expression: str = "") -> FhirProblem:
    """A problem of one issue."""
    return FhirProblem(status, [Issue(code, detail, expression)])


def not_found(type_: str, id_: str) -> FhirProblem:
    """There is no such resource for whoever asks."""
    return refused(404, "not-found", f"there is no {type_}/{id_}")


def outcome(issues: Sequence[Issue], severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome (http://hl7.org/fhir/R4/operationoutcome.html)."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": severity, "code": issue.code, "diagnostics": issue.detail}
            | ({"expression": [issue.expression]} if issue.expression else {})
            for issue in issues[:ISSUES_MAX]
        ],
    }
