"""The lines of an invoice, as its issue names them."""

import hashlib
from collections.abc import Iterable

from contracts.ids import ChargeId


def lines_digest(charge_ids: Iterable[ChargeId]) -> str:
    """SHA-256 over the charge ids in line order, each ended by a line feed, in hex."""
    return hashlib.sha256(
        "".join(f"{charge_id}\n" for charge_id in charge_ids).encode()
    ).hexdigest()
