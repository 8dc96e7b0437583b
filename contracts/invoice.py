"""What happens to an invoice: charges bundled, frozen under a number, and settled."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.event import AccountEvent, Posted
from contracts.ids import ChargeId, InvoiceId
from contracts.money import Currency, Money
from contracts.private import Private
from contracts.statement import DeliveryChannel

LINES_PER_EVENT_MAX = 500


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as the invoice shows it."""

    charge_id: ChargeId
    code: str
    quantity: int
    service_on: date
    net: Money
    tax: Money


class InvoiceDrafted(AccountEvent, frozen=True, kw_only=True):
    """Open charges of an account were bundled; further lines follow as `lines_added`."""

    invoice_id: InvoiceId
    facility: str
    currency: Currency
    line_count: int
    net: Money
    tax: Money
    total: Money
    lines: tuple[InvoiceLine, ...]


class InvoiceLinesAdded(AccountEvent, frozen=True, kw_only=True):
    """More lines of a draft that is too long for one event; part of the same command."""

    invoice_id: InvoiceId
    lines: tuple[InvoiceLine, ...]


class InvoiceIssued(Posted, frozen=True, kw_only=True):
    """The invoice is final: numbered, due, its lines frozen under a digest."""

    invoice_id: InvoiceId
    number: str
    issued_on: date
    due_on: date
    line_count: int
    lines_digest: Annotated[
        str,
        Meta(
            description="SHA-256 over the charge ids in line order, one a line, each ended by \\n"
        ),
    ]
    net: Money
    tax: Money
    total: Money


class InvoicePaid(AccountEvent, frozen=True, kw_only=True):
    """Nothing is outstanding any more on an issued invoice."""

    invoice_id: InvoiceId
    settled_by: Annotated[str, Meta(description="the payment or adjustment that settled it")]
    settled_on: date


class InvoiceVoided(Posted, frozen=True, kw_only=True):
    """An issued or paid invoice is owed no more; what had been paid on it is credit now.

    What it charged is taken back by an `adjustment.applied` a line, of the same command.
    """

    invoice_id: InvoiceId
    number: str
    voided_on: date
    reason: Private
    total: Money
    outstanding: Annotated[Money, Meta(description="what was still owed on it")]
    released: Annotated[
        Money, Meta(description="what payments and credit had settled of it: credit again")
    ]


class InvoiceReminded(AccountEvent, frozen=True, kw_only=True):
    """The customer was reminded of an invoice that is overdue."""

    invoice_id: InvoiceId
    day: Annotated[int, Meta(description="of the tenant's schedule: days after the due date")]
    outstanding: Annotated[Money, Meta(description="what was still owed on it")]
    channel: DeliveryChannel
    delivery_id: Annotated[str, Meta(description="names the message, at whoever delivered it too")]


class InvoiceSentToCollections(AccountEvent, frozen=True, kw_only=True):
    """Reminders have brought nothing: the invoice is for those who collect debts."""

    invoice_id: InvoiceId
    day: Annotated[int, Meta(description="days after the due date")]
    outstanding: Annotated[Money, Meta(description="what was still owed on it")]
