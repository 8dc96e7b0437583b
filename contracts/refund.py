"""What happens to a refund: asked for, approved by somebody else, booked, and perhaps failed."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from contracts.event import AccountEvent, Posted
from contracts.ids import PaymentId, RefundId
from contracts.money import Currency, Money
from contracts.payment import PaymentMethod
from contracts.private import Private


class RefundRequested(AccountEvent, frozen=True, kw_only=True):
    """Somebody asked that money of a payment be given back; so much of it is reserved from now."""

    refund_id: RefundId
    payment_id: PaymentId
    facility: str
    currency: Currency
    method: Annotated[
        PaymentMethod, Meta(description="the payment's: the money goes back that way")
    ]
    amount: Money
    requested_by: Annotated[str, Meta(examples=["user:ada"])]
    requested_on: date
    reason: Private | None = None
    payment_ref: Annotated[
        str | None, Meta(description="the gateway's own identifier of a card payment")
    ] = None
    held: Annotated[
        Money | None,
        Meta(description="credit that nothing else may use until this is issued, or is not"),
    ] = None


class RefundApproved(AccountEvent, frozen=True, kw_only=True):
    """The refund may be made."""

    refund_id: RefundId
    payment_id: PaymentId
    approved_by: Annotated[
        str | None, Meta(description="null: it is under the tenant's threshold")
    ] = None


class RefundRejected(AccountEvent, frozen=True, kw_only=True):
    """The refund is not made; its amount can be asked for again."""

    refund_id: RefundId
    payment_id: PaymentId
    amount: Money
    rejected_by: str
    reason: Private


class RefundIssued(Posted, frozen=True, kw_only=True):
    """The refund is booked: credit is used up first, the rest is owed by the customer again.

    What is owed again is on no invoice, and due at once: later payments and credit settle it.
    """

    refund_id: RefundId
    payment_id: PaymentId
    method: PaymentMethod
    amount: Money
    from_credit: Money
    from_receivable: Money


class RefundFailed(Posted, frozen=True, kw_only=True):
    """The money could not be given back; what was booked is taken back, to the cent.

    What was owed again, and is paid meanwhile, is credit. Without postings it failed before it was
    booked.
    """

    refund_id: RefundId
    payment_id: PaymentId
    amount: Money
    code: Annotated[str, Meta(description="why, in a word", examples=["charge_disputed"])]
