"""What settles invoices says so of each that is paid to the last cent; credit does at its use."""

from collections.abc import Sequence
from datetime import date

from contracts.credit import CreditAllocated
from contracts.event import Event
from contracts.ids import AccountId, CreditAllocationId, InvoiceId
from contracts.invoice import InvoicePaid
from contracts.money import Money
from contracts.payment import Allocation
from domain import ledger
from domain.allocation import Settlement
from domain.book import Book
from domain.write_side import AccountHead, ItemKind


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


def paid(invoice_id: str, account_id: AccountId, settled_by: str, settled_on: date) -> InvoicePaid:
    """The event that nothing is outstanding any more."""
    return InvoicePaid(
        invoice_id=InvoiceId(invoice_id),
        account_id=account_id,
        settled_by=settled_by,
        settled_on=settled_on,
    )


def used(
    credit_allocation_id: CreditAllocationId,
    settles: Settlement,
    account: AccountHead,
    today: date,
) -> CreditAllocated:
    """The event that credit of an account settles this; raises Invalid."""
    postings = ledger.credit_used(settles.total_minor)
    return CreditAllocated(
        credit_allocation_id=credit_allocation_id,
        account_id=AccountId(account.account_id),
        facility=account.facility,
        currency=account.currency,
        effective_on=today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        amount=Money.of(settles.total_minor, account.currency),
        allocations=tuple(settles.invoices),
    )
