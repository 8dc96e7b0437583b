"""What was done at an encounter, as this clinic bills it."""

from typing import Any

from lib.tariff import billable


def main(params: dict[str, Any]) -> dict[str, Any]:
    """The services that are billed, each with its code and how often."""
    if params["encounter"].get("status") in ("cancelled", "entered-in-error"):
        return {"services": []}
    services = [each for each in params["services"] or () if billable(each["code"])]
    return {
        "services": [
            {
                "code": each["code"],
                "quantity": each.get("quantity", 1),
                "on": params["service_date"],
            }
            for each in services
        ]
    }
