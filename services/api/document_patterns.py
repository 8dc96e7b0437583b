"""Patterns as the document's readers need them: ours look ahead, for the sake of Python's `$`."""

from typing import Any, Final

from contracts.inbound import PLAIN_PATTERNS
from contracts.workflow import NAME
from services.api.parameters import BRANCH, FACILITY_OR_ALL, FHIR_ID, STORABLE

PLAIN: Final = PLAIN_PATTERNS | {
    STORABLE: r"^[^\x00-\x1f]*$",
    NAME: "^[A-Za-z0-9][A-Za-z0-9_-]*$",
    BRANCH: "^[A-Za-z0-9][A-Za-z0-9._/-]*$",
    FHIR_ID: "^[A-Za-z0-9.-]+$",
    FACILITY_OR_ALL: r"^(\*|[A-Za-z0-9._-]+)$",
}


def plain_patterns(found: Any) -> Any:
    """A part of the document, its patterns without look-aheads: tools make texts of plain ones."""
    if isinstance(found, dict):
        return {
            key: PLAIN.get(value, value)
            if key == "pattern" and isinstance(value, str)
            else plain_patterns(value)
            for key, value in found.items()
        }
    return [plain_patterns(each) for each in found] if isinstance(found, list) else found
