"""What happens to a charge: a priced, taxed service on an account."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.event import AccountEvent, Posted
from contracts.ids import ChargeId, EncounterId, InvoiceId, PriceListId
from contracts.money import Money
from contracts.private import Private

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


class ChargeReversed(Posted, frozen=True, kw_only=True):
    """A charge was taken back before it was invoiced; its postings mirror those of the capture."""

    charge_id: ChargeId
    reason: Private
    net: Money
    tax: Money
    total: Money


class ChargeTaxTruedUp(AccountEvent, frozen=True, kw_only=True):
    """The final tax of a charge, by the rules in force as its invoice was issued, is another than
    at its capture. The issue of the invoice, in the same command, books the difference."""

    charge_id: ChargeId
    invoice_id: InvoiceId
    tax_before: Money
    tax: Money
    tax_rate_ppm: Annotated[int, Meta(description="tax rate in parts per million of the net")] = 0
    tax_rule: str | None = None
