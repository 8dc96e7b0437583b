"""Rows that the query API returns, one struct a question; money is a decimal string, never a float.

`cursor` in a page asks for the next one and is null on the last; what it holds is not for reading.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.adjustment import AdjustmentReason, Direction
from contracts.aging import AccountAging
from contracts.ids import (
    AccountId,
    AdjustmentId,
    BillId,
    ChargeId,
    EventId,
    InvoiceId,
    PaymentId,
    PaymentMethodId,
    RefundId,
    RemittanceId,
)
from contracts.ledger import GlAccount
from contracts.money import Currency, Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.statement import DeliveryChannel

Version = Annotated[int, Meta(description="version of the aggregate's own stream", ge=0)]
Position = Annotated[int, Meta(description="position in the log of the last event seen in it")]
Instant = Annotated[datetime, Meta(tz=True)]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a read model."""


class AccountBalance(View, frozen=True, kw_only=True):
    """An account, what is owed on it and how that came about."""

    account_id: AccountId
    patient_id: str
    name: Private | None
    facility: str
    currency: Currency
    language: str
    status: Annotated[str, Meta(examples=["open", "suspended"])]
    balance: Annotated[Money, Meta(description="receivable less credit")]
    receivable: Annotated[Money, Meta(description="what the customer owes")]
    credit: Annotated[Money, Meta(description="what we owe the customer")]
    charged: Annotated[Money, Meta(description="all charges with their tax")]
    paid: Annotated[Money, Meta(description="all payments, allocated or not")]
    adjusted: Annotated[Money, Meta(description="credit adjustments less debit adjustments")]
    refunded: Annotated[Money, Meta(description="what of the payments was given back")]
    open_charges: Annotated[int, Meta(description="charges that are on no invoice yet")]
    aging: AccountAging
    version: Version
    position: Position


class AccountPage(View, frozen=True, kw_only=True):
    """Accounts by id."""

    items: tuple[AccountBalance, ...]
    cursor: str | None


class LedgerLine(View, frozen=True, kw_only=True):
    """One line of a customer's account: a posting to receivable or to customer credit."""

    position: Annotated[int, Meta(description="position in the log of the event that booked it")]
    line: Annotated[int, Meta(description="line of its transaction, from 1")]
    transaction_id: EventId
    type: Annotated[str, Meta(description="the event's", examples=["billing.charge.captured.v1"])]
    gl_account: GlAccount
    name: Annotated[str, Meta(description="name of the GL account")]
    facility: str
    amount: Annotated[Money, Meta(description="debit positive")]
    balance: Annotated[Money, Meta(description="receivable less credit after this line")]
    effective_on: Annotated[date, Meta(description="the service date")]
    booked_on: Annotated[date, Meta(description="the posting date")]
    recorded_at: Instant


class AccountLedger(View, frozen=True, kw_only=True):
    """A customer's account in the order of the log, oldest first."""

    account_id: AccountId
    items: tuple[LedgerLine, ...]
    cursor: str | None


class InvoiceStatus(StrEnum):
    """Where an invoice is."""

    DRAFT = "draft"
    ISSUED = "issued"
    PAID = "paid"
    VOID = "void"


class InvoiceSummary(View, frozen=True, kw_only=True):
    """An invoice without its lines; number and dates are null while it is a draft."""

    invoice_id: InvoiceId
    account_id: AccountId
    facility: str
    status: InvoiceStatus
    number: str | None
    issued_on: date | None
    due_on: date | None
    paid_on: date | None
    voided_on: date | None
    line_count: int
    net: Money
    tax: Money
    total: Money
    outstanding: Annotated[Money, Meta(description="what is still owed on it; zero for a draft")]
    version: Version
    position: Position


class InvoicePage(View, frozen=True, kw_only=True):
    """Invoices, the latest drafted first."""

    items: tuple[InvoiceSummary, ...]
    cursor: str | None


class InvoiceLineDetail(View, frozen=True, kw_only=True):
    """A charge as the invoice shows it."""

    line: Annotated[int, Meta(description="number of the line, from 1")]
    charge_id: ChargeId
    code: str
    quantity: int
    service_on: date
    net: Money
    tax: Money


class InvoicePayment(View, frozen=True, kw_only=True):
    """The part of a payment, or of the customer's credit, that settles this invoice."""

    payment_id: Annotated[str, Meta(description="the payment; `crd_…` where it was credit")]
    method: Annotated[PaymentMethod | None, Meta(description="null where it was credit")]
    amount: Money
    released: Annotated[bool, Meta(description="the invoice was voided: it is credit again")]
    effective_on: date
    booked_on: date


class InvoiceAdjustment(View, frozen=True, kw_only=True):
    """A correction of what is owed on this invoice."""

    adjustment_id: AdjustmentId
    reason: AdjustmentReason
    direction: Direction
    amount: Money
    effective_on: date
    booked_on: date


class InvoiceReminder(View, frozen=True, kw_only=True):
    """What was done to have this invoice paid: a reminder, or its handover to collections."""

    day: Annotated[int, Meta(description="of the tenant's schedule: days after the due date")]
    channel: Annotated[
        DeliveryChannel | None, Meta(description="null where it went to collections")
    ]
    delivery_id: Annotated[
        str | None, Meta(description="names the message, at whoever delivered it too")
    ]
    outstanding: Annotated[Money, Meta(description="what was owed on it then")]
    recorded_at: Instant


class InvoiceBill(View, frozen=True, kw_only=True):
    """The bill that an invoice is for: its line items are the invoice's, read with the bill."""

    bill_id: BillId
    name: Annotated[
        str,
        Meta(
            description="as its clients know it: of a monthly one the customer and the month, of"
            " others the id",
            examples=["bill/cust-1/2025-09"],
        ),
    ]
    item_count: int
    total: Money


class InvoiceDetail(View, frozen=True, kw_only=True):
    """An invoice with its lines and with everything that settled or corrected it."""

    invoice: InvoiceSummary
    settled_by: Annotated[str | None, Meta(description="the payment or adjustment that settled it")]
    void_reason: Annotated[Private | None, Meta(description="why it was voided")]
    released: Annotated[
        Money | None, Meta(description="of a void one: what had been paid, credit again now")
    ]
    lines_digest: str | None
    lines: tuple[InvoiceLineDetail, ...]
    bill: Annotated[
        InvoiceBill | None, Meta(description="what it is for where it has no lines of its own")
    ]
    payments: tuple[InvoicePayment, ...]
    adjustments: tuple[InvoiceAdjustment, ...]
    reminders: Annotated[
        tuple[InvoiceReminder, ...], Meta(description="by the tenant's schedule, the first first")
    ]


class PaymentStatus(StrEnum):
    """Where a payment is: only a card payment is anything but posted."""

    INITIATED = "initiated"
    POSTED = "posted"
    FAILED = "failed"


class PaymentAllocation(View, frozen=True, kw_only=True):
    """What a payment was used for."""

    invoice_id: InvoiceId
    amount: Money
    released: Annotated[bool, Meta(description="the invoice was voided: it is credit again")]


class PaymentSummary(View, frozen=True, kw_only=True):
    """A payment, the invoices that it was allocated to, and what became credit."""

    payment_id: PaymentId
    account_id: AccountId
    facility: str
    status: PaymentStatus
    method: PaymentMethod
    amount: Money
    allocated: Annotated[
        Money, Meta(description="what settled invoices, and what was owed on no invoice")
    ]
    credited: Money
    refunded: Annotated[Money, Meta(description="what was given back")]
    refundable: Annotated[
        Money, Meta(description="what can still be given back: no refund was asked for")
    ]
    payer: str | None
    reference: str | None
    payment_ref: Annotated[
        str | None, Meta(description="the gateway's own identifier of a card payment")
    ]
    payment_method_id: Annotated[
        PaymentMethodId | None, Meta(description="the saved card that it is charged to")
    ]
    failure: Annotated[
        str | None, Meta(description="why a card payment failed", examples=["card_declined"])
    ]
    remittance_id: RemittanceId | None
    effective_on: Annotated[date | None, Meta(description="null until it is posted")]
    booked_on: date | None
    recorded_at: Instant
    allocations: tuple[PaymentAllocation, ...]
    version: Version
    position: Position


class RefundStatus(StrEnum):
    """Where a refund is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    ISSUED = "issued"
    FAILED = "failed"


class RefundSummary(View, frozen=True, kw_only=True):
    """Money of a payment that is to be given back, and who said so."""

    refund_id: RefundId
    payment_id: PaymentId
    account_id: AccountId
    facility: str
    status: RefundStatus
    method: Annotated[PaymentMethod, Meta(description="the payment's")]
    amount: Money
    reason: Private | None
    requested_by: str
    requested_on: date
    decided_by: Annotated[
        str | None, Meta(description="null while nobody decided, and below the tenant's threshold")
    ]
    rejection_reason: Private | None
    issued_on: date | None
    from_credit: Annotated[Money, Meta(description="what of it the customer's credit bore")]
    from_receivable: Annotated[Money, Meta(description="what of it the customer owes again")]
    failure: Annotated[
        str | None, Meta(description="why it failed for good", examples=["charge_disputed"])
    ]
    version: Version
    position: Position


class RefundPage(View, frozen=True, kw_only=True):
    """Refunds, the latest first."""

    items: tuple[RefundSummary, ...]
    cursor: str | None


class PaymentPage(View, frozen=True, kw_only=True):
    """Payments, the latest first."""

    items: tuple[PaymentSummary, ...]
    cursor: str | None


class TrialBalanceRow(View, frozen=True, kw_only=True):
    """A GL account in one currency: what was debited, what was credited, the difference."""

    gl_account: GlAccount
    name: str
    currency: Currency
    debit: Annotated[str, Meta(description="decimal string", examples=["125.00"])]
    credit: Annotated[str, Meta(description="decimal string", examples=["125.00"])]
    balance: Annotated[str, Meta(description="debit less credit", examples=["0.00"])]


class TrialBalanceTotal(View, frozen=True, kw_only=True):
    """All accounts of one currency; the balance is zero in books that are straight."""

    currency: Currency
    debit: str
    credit: str
    balance: str


class TrialBalance(View, frozen=True, kw_only=True):
    """The general ledger of a period of posting dates, by account and currency."""

    booked_from: date | None
    booked_to: date | None
    rows: tuple[TrialBalanceRow, ...]
    totals: dict[str, TrialBalanceTotal]
    position: Annotated[int, Meta(description="position in the log up to which it is known")]
