"""What the FHIR server does, as a CapabilityStatement (http://hl7.org/fhir/R4/http.html)."""

from importlib.metadata import version
from typing import Any, Final

from services.api.media import FHIR_JSON
from services.fhir.kinds import KINDS, Kind
from services.fhir.searching import search_parameters

_SINCE: Final = "2026-11-21"
_INTERACTIONS: Final = (
    *("read", "vread", "update", "patch", "history-instance", "create", "search-type"),
)


def capability() -> dict[str, Any]:
    """The statement; of our own type, which FHIR does not have, the documentation speaks."""
    others = ", ".join(kind.name for kind in KINDS.values() if not kind.is_standard)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _SINCE,
        "kind": "instance",
        "software": {"name": "Daybook", "version": version("daybook")},
        "implementation": {"description": "The FHIR store of an event-sourced billing ledger"},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": f"Besides these there are {others}, with the same interactions."
                " /Organization/[id]/fhir serves what is of one organisation.",
                "resource": [_resource(kind) for kind in KINDS.values() if kind.is_standard],
            }
        ],
    }


def _resource(kind: Kind) -> dict[str, Any]:
    return {
        "type": kind.name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "not-match",
        "conditionalUpdate": True,
        "searchParam": [{"name": name, "type": type_} for name, type_ in search_parameters(kind)],
    }
