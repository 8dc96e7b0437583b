"""`@daybook-billing/fhir/read`: asks the FHIR server of the tenant, or of its organisation."""

from typing import Any

from daybook_activity import call


def main(params: dict[str, Any]) -> Any:
    """What the server answers."""
    return call("fhir/read", **params)
