"""What was charged, as it was recorded, for a connection that reads one tenant."""

from collections.abc import Iterable
from typing import Final

from contracts.catalogue import decode
from contracts.charge import ChargeCaptured
from projections.statements import AnyConnection

_CAPTURED: Final = (
    "SELECT stream_id, type, body FROM daybook.events"
    " WHERE tenant = current_setting('daybook.tenants') AND stream_id = ANY ($1::text[])"
    " AND version = 1"
)


async def find_charges(
    connection: AnyConnection, charge_ids: Iterable[str]
) -> dict[str, ChargeCaptured]:
    """The charges of these ids; one that this tenant does not have is missing."""
    rows = await connection.fetch(_CAPTURED, list(charge_ids))
    found = ((row["stream_id"], decode(row["type"], row["body"])) for row in rows)
    return {charge_id: event for charge_id, event in found if isinstance(event, ChargeCaptured)}
