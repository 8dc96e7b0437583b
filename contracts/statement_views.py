"""Rows of an account's statement: what the query API returns and what a document prints."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from contracts.adjustment import AdjustmentReason
from contracts.ids import AccountId, EventId
from contracts.money import Currency, Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.views import Position, Version, View


class StatementLine(View, frozen=True, kw_only=True):
    """What one event did to what is owed on an account."""

    position: Annotated[int, Meta(description="position in the log of the event that booked it")]
    transaction_id: EventId
    type: Annotated[str, Meta(description="the event's", examples=["billing.charge.captured.v1"])]
    booked_on: Annotated[date, Meta(description="the posting date")]
    effective_on: Annotated[date, Meta(description="the service date")]
    code: Annotated[str | None, Meta(description="of a charge: what was done")] = None
    quantity: Annotated[int | None, Meta(description="of a charge")] = None
    method: Annotated[PaymentMethod | None, Meta(description="of a payment")] = None
    reason: Annotated[AdjustmentReason | None, Meta(description="of an adjustment")] = None
    reference: Annotated[str | None, Meta(description="an invoice's number, or a sender's id")] = (
        None
    )
    amount: Annotated[Money, Meta(description="what is owed more; negative: less")]
    balance: Annotated[Money, Meta(description="what is owed after this line")]


class StatementAgeing(View, frozen=True, kw_only=True):
    """The closing balance by how long it has been due; the parts less the credit sum to it."""

    current: Annotated[Money, Meta(description="not due yet, or on no invoice yet")]
    days_1_30: Money
    days_31_60: Money
    days_61_90: Money
    days_over_90: Money
    credit: Annotated[Money, Meta(description="what we owe the customer, not used yet")]


class AccountStatement(View, frozen=True, kw_only=True):
    """An account over a period of posting dates, with what is due on the last of them."""

    account_id: AccountId
    patient_id: str
    name: Private | None
    facility: str
    currency: Currency
    language: str
    first_on: Annotated[date, Meta(description="first day of the period, inclusive")]
    last_on: Annotated[date, Meta(description="last day of the period, inclusive")]
    opening: Annotated[Money, Meta(description="what was owed before the first day")]
    charged: Annotated[Money, Meta(description="the lines that raised what is owed")]
    credited: Annotated[Money, Meta(description="the lines that lowered it, as a positive sum")]
    closing: Annotated[Money, Meta(description="what is owed after the last day")]
    due_on: Annotated[
        date | None, Meta(description="of what is outstanding, the earliest due date")
    ]
    lines: tuple[StatementLine, ...]
    ageing: StatementAgeing
    version: Version
    position: Position
