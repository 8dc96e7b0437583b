"""`@daybook-billing/billing-case/fetch-context`: what a bill of an encounter is made from.

Takes `encounterId`; gives the encounter, its patient, the patient's active coverages and the
encounter's conditions, each as FHIR has it.
"""

from typing import Any

from daybook_activity import NonRetryable, Refused, call


def main(params: dict[str, Any]) -> dict[str, Any]:
    """The context of a billing case."""
    encounter = call("fhir/read", type="Encounter", id=params["encounterId"])
    if encounter is None:
        raise NonRetryable(f"there is no Encounter/{params['encounterId']}")
    kind, _, patient_id = encounter["subject"]["reference"].rpartition("/")
    if not kind.endswith("Patient"):
        raise NonRetryable(f"Encounter/{encounter['id']} is of no patient")
    return {
        "encounter": encounter,
        "patient": call("fhir/read", type="Patient", id=patient_id),
        "coverages": [each for each in _coverages(patient_id) if each.get("status") == "active"],
        "conditions": list(_conditions(encounter)),
    }


def _coverages(patient_id: str) -> Any:
    return call("fhir/search", type="Coverage", params={"patient": f"Patient/{patient_id}"})


def _conditions(encounter: dict[str, Any]) -> Any:
    """Those that the encounter carries, and those that it names on a server that has them."""
    for contained in encounter.get("contained", ()):
        if contained.get("resourceType") == "Condition":
            yield contained
    for diagnosis in encounter.get("diagnosis", ()):
        kind, _, id_ = diagnosis.get("condition", {}).get("reference", "").rpartition("/")
        if not kind.endswith("Condition"):
            continue
        try:
            found = call("fhir/read", type="Condition", id=id_)
        except Refused:
            continue  # a server without conditions, such as the embedded one
        if found is not None:
            yield found
