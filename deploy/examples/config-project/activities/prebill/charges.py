"""The services of an encounter as charges of the ledger; without prices, which its lists have."""

from typing import Any


async def main(params: dict[str, Any]) -> list[dict[str, Any]]:
    """What `charge/capture` takes. A script may be async as well."""
    of = {name: params[name] for name in ("account_id", "facility", "currency")}
    return [
        {
            **of,
            "code": each["code"],
            "system": "urn:cpt",
            "quantity": each["quantity"],
            "service_date": each["on"],
        }
        for each in params["services"]
    ]
