"""What a caller sends to post a payment."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.calendar import check_day
from contracts.ids import InvoiceId
from contracts.inbound import Day, Id, Line
from contracts.payment import Allocation, PaymentMethod
from services.api.body import Amount
from services.card_numbers import refuse_card_number

ALLOCATIONS_MAX = 500


class WantedAllocation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of the payment for one invoice."""

    invoice_id: Id
    amount: Amount


class PostPaymentRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Post money received. What no invoice takes becomes the customer's credit."""

    account_id: Id
    amount: Amount
    method: PaymentMethod
    received_on: Annotated[Day | None, Meta(description="local date; today if left out")] = None
    allocations: Annotated[
        Annotated[tuple[WantedAllocation, ...], Meta(max_length=ALLOCATIONS_MAX)] | None,
        Meta(description="what to settle; the oldest invoices first if left out"),
    ] = None
    reference: Annotated[
        Line | None,
        Meta(description="your own identifier, published as it is: never a person's data"),
    ] = None
    payment_method_id: Annotated[
        Id | None, Meta(description="a saved card of the account: the gateway charges it")
    ] = None
    payment_token: Annotated[
        Line | None,
        Meta(
            description="the gateway's token of a card that is not saved: the gateway charges it;"
            " a card number is refused"
        ),
    ] = None

    @property
    def by_gateway(self) -> bool:
        """Whether the gateway takes the money; a card at your own terminal has paid already."""
        return not (self.payment_method_id is None and self.payment_token is None)

    def __post_init__(self) -> None:
        check_day("received_on", self.received_on)
        if not self.by_gateway:
            return
        if self.method is not PaymentMethod.CARD:
            raise ValueError("payment_method_id and payment_token are for `method` card alone")
        if self.payment_method_id is not None and self.payment_token is not None:
            raise ValueError("name a payment_method_id or a payment_token, not both")
        if self.received_on is not None:
            raise ValueError("received_on: the day is the one on which the gateway takes the money")
        refuse_card_number(self.payment_token or "")


def wanted_allocations(
    wanted: Sequence[WantedAllocation] | None,
) -> tuple[Allocation, ...] | None:
    """The allocations that a caller named, as the ledger knows them."""
    if wanted is None:
        return None
    return tuple(
        Allocation(invoice_id=InvoiceId(part.invoice_id), amount=part.amount.money)
        for part in wanted
    )
