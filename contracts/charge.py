"""What happens to a charge: a priced, taxed service on an account."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.event import Posted
from contracts.ids import ChargeId, EncounterId, PriceListId
from contracts.money import Money

QUANTITY_MAX: Final = 1_000_000
"""The most of a service in one charge, whoever asks for it."""


class PriceSource(StrEnum):
    """Where the unit price of a charge came from."""

    PRICE_LIST = "price_list"
    STATED = "stated"


class CodeStatus(StrEnum):
    """Whether the code was found in a code system that the tenant has loaded or connected."""

    VALIDATED = "validated"
    UNCHECKED = "unchecked"


class ChargeCaptured(Posted, frozen=True, kw_only=True):
    """A service was charged; price, tax and where they came from are final."""

    charge_id: ChargeId
    code: str
    system: str
    modifiers: tuple[str, ...] = ()
    quantity: int
    unit_price: Money
    price_source: PriceSource
    price_list_id: PriceListId | None = None
    net: Money
    tax: Money
    total: Money
    tax_rate_ppm: Annotated[int, Meta(description="tax rate in parts per million of the net")] = 0
    tax_rule: str | None = None
    code_status: CodeStatus = CodeStatus.UNCHECKED
    encounter_id: EncounterId | None = None
    reference: Annotated[
        str | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
