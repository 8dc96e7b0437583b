"""`@daybook-billing/adjustment/apply`: asks the ledger, as this run's activity."""

from typing import Any

from daybook_activity import call


def main(params: dict[str, Any]) -> Any:
    """What the ledger made of it."""
    return call("adjustment/apply", **params)
