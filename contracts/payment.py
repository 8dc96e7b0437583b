"""What happens to a payment: money received and what it was used for."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import AccountEvent, Posted
from contracts.ids import InvoiceId, PaymentId, PaymentMethodId, RemittanceId
from contracts.money import Currency, Money
from contracts.private import Private


class PaymentMethod(StrEnum):
    """How money came in; it decides the account that is debited."""

    CASH = "cash"
    CARD = "card"
    BANK = "bank"
    REMITTANCE = "remittance"


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a payment that settles an invoice."""

    invoice_id: InvoiceId
    amount: Money


class PaymentInitiated(AccountEvent, frozen=True, kw_only=True):
    """A card payment was begun; no money has moved yet. It ends as `posted` or as `failed`."""

    payment_id: PaymentId
    facility: str
    currency: Currency
    method: PaymentMethod
    amount: Money
    allocations: Annotated[
        tuple[Allocation, ...] | None,
        Meta(description="what it is to settle; null: the oldest invoices first"),
    ] = None
    reference: Annotated[
        str | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
    payment_method_id: Annotated[
        PaymentMethodId | None, Meta(description="the customer's saved card, where it is one")
    ] = None
    payment_token: Annotated[
        Private | None, Meta(description="the gateway's token of a card that is not saved")
    ] = None


class PaymentFailed(AccountEvent, frozen=True, kw_only=True):
    """A card payment was not made. Should the money come in after all, `posted` follows."""

    payment_id: PaymentId
    amount: Money
    code: Annotated[str, Meta(description="why, in a word", examples=["card_declined"])]


class PaymentPosted(Posted, frozen=True, kw_only=True):
    """Money was received; what no invoice took is the customer's credit.

    Where invoices and credit together are less, the rest settled what the account owed on none.
    """

    payment_id: PaymentId
    method: PaymentMethod
    amount: Money
    allocations: tuple[Allocation, ...]
    credited: Money
    payer: str | None = None
    remittance_id: RemittanceId | None = None
    reference: Annotated[
        str | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
