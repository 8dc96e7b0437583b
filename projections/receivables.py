"""What the balance of an account is made of: its issued invoices, what is on none, its credit."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from contracts.columns import columns
from contracts.event import Posted
from contracts.ledger import GlAccount
from projections.invoices import owed
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

UNBILLED: Final = "unbilled"
UNALLOCATED: Final = "unallocated"
CREDIT: Final = "credit"

_ADD: Final = sql("receivables_add")
# Charges and the invoices that bill them.
_BILLED: Final = ("chg_", "inv_")
_RECEIVABLE: Final = GlAccount.RECEIVABLE
_CUSTOMER_CREDIT: Final = GlAccount.CUSTOMER_CREDIT


class _Changes:
    """What a batch changes, by item and posting date."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, str, str, date], list[Any]] = {}

    def add(self, of: tuple[str, str], item: str, on: date, minor: int, due: date | None) -> None:
        change = self._days.setdefault((*of, item, on), [None, 0])
        change[0] = due or change[0]
        change[1] += minor

    def rows(self) -> list[tuple[Any, ...]]:
        return [(*key, *change) for key, change in self._days.items()]


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the items of its accounts and to their days."""
    changes = _Changes()
    for recorded in batch:
        event = recorded.event
        if isinstance(event, Posted):
            _take(changes, recorded, event)
    if rows := changes.rows():
        await connection.execute(_ADD, *columns(rows, "tttddn"))


def _take(changes: _Changes, recorded: Recorded, event: Posted) -> None:
    """What is booked on receivable and not on invoices is not billed, or not allocated.

    So the items add up to the balance whatever an event is: only what it does to invoices is
    asked of it, the rest is in its postings.
    """
    account, booked_on = (recorded.tenant, event.account_id), event.booked_on
    receivable_minor, credit_minor = _booked(event)
    for invoice_id, amount_minor, due_on in owed(recorded):
        changes.add(account, invoice_id, booked_on, amount_minor, due_on)
        receivable_minor -= amount_minor
    if receivable_minor:
        changes.add(account, _elsewhere(recorded), booked_on, receivable_minor, None)
    if credit_minor:
        changes.add(account, CREDIT, booked_on, credit_minor, None)


def _elsewhere(recorded: Recorded) -> str:
    """The item of what is on no invoice.

    An event that names an invoice allocates nothing but to it: what a void takes back in several
    events meets in one item, and is nothing there.
    """
    named = getattr(recorded.event, "invoice_id", None)
    is_billed = named is not None or recorded.stream_id.startswith(_BILLED)
    return UNBILLED if is_billed else UNALLOCATED


def _booked(event: Posted) -> tuple[int, int]:
    receivable_minor = credit_minor = 0
    for posting in event.postings:
        if posting.gl_account is _RECEIVABLE:
            receivable_minor += posting.amount_minor
        elif posting.gl_account is _CUSTOMER_CREDIT:
            credit_minor -= posting.amount_minor
    return receivable_minor, credit_minor
