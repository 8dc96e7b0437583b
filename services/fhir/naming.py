"""How the ledger's things are called in FHIR: their identifiers, and references to them.

An identifier names the tenant, since two tenants of one server may use the same patient ids.
References are logical, by identifier: what id a server gives to a resource is its own affair.
"""

from collections.abc import Mapping
from typing import Any, Final

from services.fhir.facts import ID, NAMED

EXTENSION: Final = "https://daybook.dev/fhir/StructureDefinition/"
POSITION: Final = EXTENSION + "log-position"
"""The extension that says of which position in the log a resource is."""
ENTITIES: Final = {
    "Account": "account",
    "ChargeItem": "charge",
    "Encounter": "encounter",
    "Invoice": "invoice",
    "Organization": "facility",
    "Patient": "patient",
    "PaymentReconciliation": "payment",
}
"""By resource type, what of the ledger has an identifier."""


def system_of(tenant: str, entity: str) -> str:
    """The system of identifiers of a kind."""
    return f"{NAMED}{tenant}:{entity}"


def identifier(tenant: str, type_: str, value: str) -> dict[str, str]:
    """What a thing of the ledger is called."""
    return {"system": system_of(tenant, ENTITIES[type_]), "value": value}


def reference(tenant: str, type_: str, value: str) -> dict[str, Any]:
    """A logical reference (http://hl7.org/fhir/R4/references.html#logical)."""
    return {"type": type_, "identifier": identifier(tenant, type_, value)}


def id_here(value: str) -> str | None:
    """The id in the embedded store, where everything of ours can be named; else None."""
    found = value.replace("_", "-")
    return found if ID.fullmatch(found) else None


_POSITION_DIGITS_MAX: Final = 18
_PARTS: Final = (dict, list)


def with_literals(value: Any) -> Any:
    """A resource whose references to ours are literal, too: for the embedded store."""
    if isinstance(value, list):
        return [with_literals(each) if type(each) in _PARTS else each for each in value]
    changed = {
        name: with_literals(each) if type(each) in _PARTS else each for name, each in value.items()
    }
    named = value.get("identifier")
    if isinstance(named, Mapping) and "type" in value and named["system"].startswith(NAMED):
        is_person = value["type"] in ("Patient", "Organization")
        id_ = named["value"] if is_person and ID.fullmatch(named["value"]) else None
        if found := id_ or (None if is_person else id_here(named["value"])):
            return {"reference": f"{value['type']}/{found}"} | changed
    return changed


def position_of(resource: Mapping[str, Any]) -> int | None:
    """The position that a resource of ours is of; None where it says none. Raises ValueError for
    one that the log can never have."""
    for each in resource.get("extension") or ():
        written = str(each.get("valueString"))
        if each.get("url") == POSITION and written.isdecimal():
            if len(written) > _POSITION_DIGITS_MAX:
                raise ValueError("no log has a position of so many digits")
            return int(written)
    return None
