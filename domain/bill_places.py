"""Where bills stand among others: the claims by which a customer's bills are listed, in order.

A list is read from the write side, so that it shows what was just written.
"""

import hashlib
from typing import Final

from contracts.bill import BillCreated, BillSurface

KIND: Final = "bill"
_DIGITS: Final = 32


def place_of(event: BillCreated) -> tuple[str, str, str]:
    """The claim of a bill: `<surface>/<customer>/<month, or when it was made>/<bill>`."""
    order = event.month or f"{event.created_at:%Y-%m-%dT%H:%M:%S.%f}"
    prefix = prefix_of(event.surface, event.customer_id)
    return (KIND, f"{prefix}{order}/{event.bill_id}", event.bill_id)


def prefix_of(surface: BillSurface, customer_id: str) -> str:
    """How the claims of a customer's bills begin; dated ones have no customer."""
    if surface is BillSurface.DATED:
        return f"{surface}/"
    return f"{surface}/{hashlib.sha256(customer_id.encode()).hexdigest()[:_DIGITS]}/"
