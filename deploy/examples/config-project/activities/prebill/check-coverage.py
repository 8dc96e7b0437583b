"""Which of a patient's coverages hold on the day of the service."""

from typing import Any


def main(params: dict[str, Any]) -> dict[str, Any]:
    """The ids of those that hold, and whether there is one at all."""
    day = params["on"]
    holding = [each["id"] for each in params["coverages"] if _holds(each.get("period", {}), day)]
    return {"holding": holding, "covered": bool(holding)}


def _holds(period: dict[str, str], day: str) -> bool:
    return period.get("start", "") <= day <= period.get("end", "9999-12-31")
