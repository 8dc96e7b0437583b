"""Prices: exactly those that price lists published, with their windows."""

from collections import Counter
from typing import Final

from contracts.columns import columns
from contracts.price_list import PriceListPublished, PricesAdded
from projections.recorded import Recorded
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known
from services.audit.findings import Check, Findings
from services.audit.pages import sql

_LISTED: Final = sql("listed_prices")
_BY_LIST: Final = (
    "SELECT tenant, price_list_id, count(*) FROM daybook.prices"
    " GROUP BY tenant, price_list_id ORDER BY tenant, price_list_id"
)


class Prices:
    """Looks each price up as its list comes by, and counts what is there of each list."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._broken = bodies.broken
        self._listed: Counter[tuple[str, str]] = Counter()

    async def take(self, connection: AnyConnection, known: Known) -> None:
        """Check what the events of a page publish."""
        for recorded, _ in known:
            if isinstance(recorded.event, PriceListPublished | PricesAdded):
                await self._take(connection, recorded, recorded.event)

    async def _take(
        self,
        connection: AnyConnection,
        recorded: Recorded,
        event: PriceListPublished | PricesAdded,
    ) -> None:
        tenant, price_list_id = recorded.tenant, event.price_list_id
        windows = [
            (
                price.facility,
                price.code,
                price.unit_price.currency,
                price.valid_from,
                price.valid_to,
            )
            for price in event.prices
        ]
        rows = await connection.fetch(_LISTED, tenant, price_list_id, *columns(windows, "tttdd"))
        for price, (found,) in zip(event.prices, rows, strict=True):
            self._listed[tenant, price_list_id] += found is not None
            minor = price.unit_price.minor
            if found != minor:
                self._findings.at(
                    Check.PRICES,
                    recorded,
                    f"{price.code} at {price.facility} in {price.unit_price.currency}"
                    f" from {price.valid_from}",
                    expected=str(minor),
                    found=None if found is None else str(found),
                )

    async def finish(self, connection: AnyConnection) -> None:
        """No price may stand without an event that published it."""
        for tenant, price_list_id, count in await connection.fetch(_BY_LIST):
            self._findings.checked(Check.PRICES, count)
            listed = self._listed[tenant, price_list_id]
            if count != listed and (tenant, price_list_id) not in self._broken:
                self._findings.add(
                    Check.PRICES,
                    "prices of the list",
                    tenant=tenant,
                    stream_id=price_list_id,
                    expected=str(listed),
                    found=str(count),
                )
