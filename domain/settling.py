"""Invoices that an allocation settles to the last cent: whoever allocates says so of each."""

from collections.abc import Sequence
from datetime import date

from contracts.event import Event
from contracts.ids import AccountId
from contracts.payment import Allocation
from domain.book import Book
from domain.invoice import paid
from domain.write_side import ItemKind


def settled(
    allocations: Sequence[Allocation],
    account_id: AccountId,
    settled_by: str,
    today: date,
    book: Book,
) -> list[tuple[str, Event]]:
    """The events of the invoices on which these allocations leave nothing outstanding."""
    return [
        (part.invoice_id, paid(part.invoice_id, account_id, settled_by, today))
        for part in allocations
        if _settles(part, account_id, book)
    ]


def _settles(part: Allocation, account_id: AccountId, book: Book) -> bool:
    item = book.item(account_id, ItemKind.INVOICE, part.invoice_id)
    return item is not None and item.outstanding_minor == part.amount.minor
