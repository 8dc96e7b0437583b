"""What was charged, with its final tax, for a connection that reads one tenant."""

from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.catalogue import decode
from contracts.charge import ChargeCaptured, ChargeTaxTruedUp
from contracts.money import Money
from projections.statements import AnyConnection

# What is trued up, once as its invoice is issued, was captured by the event before.
_CAPTURED: Final = (
    "SELECT stream_id, type, body FROM daybook.events"
    " WHERE tenant = current_setting('daybook.tenants') AND stream_id = ANY ($1::text[])"
    " AND version <= 2 ORDER BY version"
)


async def find_charges(
    connection: AnyConnection, charge_ids: Iterable[str]
) -> dict[str, ChargeCaptured]:
    """The charges of these ids by the tax they have now; one that is not there is missing."""
    charges: dict[str, ChargeCaptured] = {}
    for row in await connection.fetch(_CAPTURED, list(charge_ids)):
        event, charge_id = decode(row["type"], row["body"]), row["stream_id"]
        if isinstance(event, ChargeCaptured):
            charges[charge_id] = event
        elif isinstance(event, ChargeTaxTruedUp):
            charges[charge_id] = _trued_up(charges[charge_id], event)
    return charges


def _trued_up(charge: ChargeCaptured, event: ChargeTaxTruedUp) -> ChargeCaptured:
    return msgspec.structs.replace(
        charge,
        tax=event.tax,
        total=Money.of(charge.net.minor + event.tax.minor, charge.currency),
        tax_rate_ppm=event.tax_rate_ppm,
        tax_rule=event.tax_rule,
    )
