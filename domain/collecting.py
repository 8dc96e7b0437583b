"""What becomes of an overdue invoice: its customer is reminded, then it goes to collections."""

import msgspec

from contracts.ids import AccountId, InvoiceId
from contracts.invoice import InvoiceReminded, InvoiceSentToCollections
from contracts.money import Money
from contracts.statement import DeliveryChannel
from domain.book import Book
from domain.decider import Decision
from domain.rejections import InvoiceNotOutstanding, NotFound
from domain.write_side import ItemKind


class RemindInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Record that the customer was reminded; `day` of the schedule, after the due date."""

    invoice_id: InvoiceId
    account_id: AccountId
    day: int
    channel: DeliveryChannel
    delivery_id: str


class SendToCollections(msgspec.Struct, frozen=True, kw_only=True):
    """Hand an invoice over that no reminder has brought to an end."""

    invoice_id: InvoiceId
    account_id: AccountId
    day: int


class Pursued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the collection of an invoice is: the last day of the schedule, and its end."""

    reminded_day: int = 0
    handed_over: bool = False


CollectionCommand = RemindInvoice | SendToCollections
CollectionEvent = InvoiceReminded | InvoiceSentToCollections


def collect(
    command: CollectionCommand, owner: AccountId, pursued: Pursued | None, book: Book
) -> Decision:
    """Remind of an outstanding invoice, or hand it over; a repeat of either decides nothing."""
    if command.account_id != owner:
        raise NotFound(f"invoice {command.invoice_id} is not one of account {command.account_id}")
    item = book.item(owner, ItemKind.INVOICE, command.invoice_id)
    if item is None:
        raise InvoiceNotOutstanding(f"nothing is owed on invoice {command.invoice_id} any more")
    pursued = pursued or Pursued()
    if pursued.handed_over or (
        isinstance(command, RemindInvoice) and command.day <= pursued.reminded_day
    ):
        return []
    outstanding = Money.of(item.outstanding_minor, book.account(owner).currency)
    return [(command.invoice_id, _event(command, outstanding))]


def _event(command: CollectionCommand, outstanding: Money) -> CollectionEvent:
    if isinstance(command, SendToCollections):
        return InvoiceSentToCollections(
            invoice_id=command.invoice_id,
            account_id=command.account_id,
            day=command.day,
            outstanding=outstanding,
        )
    return InvoiceReminded(
        invoice_id=command.invoice_id,
        account_id=command.account_id,
        day=command.day,
        outstanding=outstanding,
        channel=command.channel,
        delivery_id=command.delivery_id,
    )


def pursued_after(pursued: Pursued | None, event: CollectionEvent) -> Pursued:
    """How far it is after an event."""
    pursued = pursued or Pursued()
    if isinstance(event, InvoiceReminded):
        return msgspec.structs.replace(pursued, reminded_day=event.day)
    return msgspec.structs.replace(pursued, handed_over=True)
