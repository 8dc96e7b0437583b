"""What a correction must know of the past: an invoice's lines, what was adjusted or refunded."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from contracts.catalogue import decode
from contracts.columns import columns
from domain.adjusting import AGAINST
from domain.adjustment import ApplyAdjustment
from domain.bill import CloseBill, RetryBill
from domain.book import Book
from domain.card import InitiateCardPayment
from domain.collecting import RemindInvoice, SendToCollections
from domain.invoice import Draft, Issued, IssueInvoice, Paid, VoidInvoice
from domain.naming import bill_invoice_id
from domain.refund import FailRefund, RejectRefund, RequestRefund
from domain.write_side import ItemKind, adjusted
from services.execute.envelope import Envelope
from services.execute.statements import AnyConnection, sql

Item = tuple[str, str, ItemKind, str]
"""Tenant, account, kind and id."""
Name = tuple[str, str]
"""Tenant and stream."""

_LINES: Final = sql("load_lines.sql")


def items_named(envelope: Envelope, account: tuple[str, str]) -> Iterator[Item]:
    """The items that a correction is about, as far as the command says which."""
    match envelope.command:
        case VoidInvoice(invoice_id=invoice_id):
            yield (*account, ItemKind.INVOICE, invoice_id)
            for reason in AGAINST:
                yield (*account, ItemKind.ADJUSTMENT, adjusted(invoice_id, reason))
        case RemindInvoice(invoice_id=invoice_id) | SendToCollections(invoice_id=invoice_id):
            yield (*account, ItemKind.INVOICE, invoice_id)
        case ApplyAdjustment(invoice_id=str(invoice_id), reason=reason):
            yield (*account, ItemKind.ADJUSTMENT, adjusted(invoice_id, reason))
        case CloseBill(bill_id=bill_id) | RetryBill(bill_id=bill_id):
            yield (*account, ItemKind.INVOICE, bill_invoice_id(bill_id))
        case RequestRefund(payment_id=payment_id):
            yield (*account, ItemKind.REFUND, payment_id)
        case _:
            pass  # no other command corrects anything


def is_on_account(command: Any) -> bool:
    """Whether it adjusts whichever invoices an account has, so that all items of them are asked."""
    return isinstance(command, ApplyAdjustment) and command.invoice_id is None


def methods_named(envelopes: Sequence[Envelope]) -> set[Name]:
    """The saved cards that are to be charged: nobody begins a payment by one that was removed."""
    return {
        (envelope.tenant, str(envelope.command.payment_method_id))
        for envelope in envelopes
        if isinstance(envelope.command, InitiateCardPayment)
        and envelope.command.payment_method_id is not None
    }


def items_of_refunds(books: dict[str, Book], envelopes: Sequence[Envelope]) -> set[Item]:
    """The items of the payments whose refund is not made: the refund alone says which."""
    found: set[Item] = set()
    for envelope in envelopes:
        if isinstance(envelope.command, RejectRefund | FailRefund):
            refund = books[envelope.tenant].states.get(envelope.command.refund_id)
            if refund is not None:
                payment_id = refund.wanted.payment_id
                found.add((envelope.tenant, refund.account_id, ItemKind.REFUND, payment_id))
    return found


def charges_of_drafts(books: dict[str, Book], envelopes: Sequence[Envelope]) -> set[Name]:
    """The charges of the drafts that are to be issued, as far as they are not loaded yet."""
    found: set[Name] = set()
    for envelope in envelopes:
        if isinstance(envelope.command, IssueInvoice):
            states = books[envelope.tenant].states
            draft = states.get(envelope.command.invoice_id)
            if isinstance(draft, Draft):
                charge_ids = draft.charge_ids
                found |= {(envelope.tenant, line) for line in charge_ids if line not in states}
    return found


async def charges_of_voided(
    connection: AnyConnection, books: dict[str, Book], envelopes: Sequence[Envelope]
) -> set[Name]:
    """The charges of the invoices that are to be voided, as far as they are not loaded yet."""
    invoices = {
        (envelope.tenant, str(envelope.command.invoice_id))
        for envelope in envelopes
        if isinstance(envelope.command, VoidInvoice)
    }
    await _read_lines(connection, books, invoices)
    found: set[Name] = set()
    for tenant, invoice_id in invoices:
        states = books[tenant].states
        if isinstance(invoice := states.get(invoice_id), Issued | Paid):
            charge_ids = invoice.charge_ids or ()
            found |= {(tenant, line) for line in charge_ids if line not in states}
    return found


async def _read_lines(
    connection: AnyConnection, books: dict[str, Book], invoices: set[Name]
) -> None:
    """An older release did not keep the lines of an issued invoice: its events have them."""
    wanted = [
        (tenant, invoice_id)
        for tenant, invoice_id in sorted(invoices)
        if _lacks_lines(books[tenant].states.get(invoice_id))
    ]
    if not wanted:
        return
    lines: dict[Name, list[str]] = defaultdict(list)
    for row in await connection.fetch(_LINES, *columns(wanted, "tt")):
        event: Any = decode(row["type"], row["body"])
        lines[row["tenant"], row["stream_id"]] += [line.charge_id for line in event.lines]
    for (tenant, invoice_id), charge_ids in lines.items():
        states = books[tenant].states
        states[invoice_id] = msgspec.structs.replace(
            states[invoice_id], charge_ids=tuple(charge_ids)
        )


def _lacks_lines(state: Any) -> bool:
    return isinstance(state, Issued | Paid) and state.charge_ids is None
