"""What happens to a customer's payment method: kept by the gateway, and forgotten again."""

from typing import Annotated

from msgspec import Meta

from contracts.event import AccountEvent
from contracts.ids import PaymentMethodId
from contracts.private import Private


class PaymentMethodSaved(AccountEvent, frozen=True, kw_only=True):
    """The gateway keeps a card of the customer; we keep its name for it and never a number."""

    payment_method_id: PaymentMethodId
    reference: Annotated[Private, Meta(description="the gateway's own identifier, to charge by")]
    brand: Annotated[str, Meta(examples=["visa"])]
    last4: Annotated[Private, Meta(description="the last four digits, for the customer to see")]
    expires: Annotated[
        str, Meta(description="YYYY-MM: the last month in which it pays", examples=["2031-04"])
    ]


class PaymentMethodRemoved(AccountEvent, frozen=True, kw_only=True):
    """The customer's card is not charged any more; the gateway is told to forget it."""

    payment_method_id: PaymentMethodId
