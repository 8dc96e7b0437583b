"""How a bill ends: its lines are frozen, its invoice is issued, a saved card is charged, and then
it is closed.
"""

from datetime import date, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from contracts.bill import BillAttentionRequired, BillClosed, BillClosing, ClosedBy
from contracts.event import Event
from contracts.ids import AccountId, BillId, InvoiceId, PaymentId, PaymentMethodId
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from contracts.money import Money
from contracts.payment import Allocation, PaymentInitiated, PaymentMethod
from contracts.private import Private
from domain import ledger, naming
from domain.book import Book
from domain.lines import lines_digest
from domain.payment_method import Saved
from domain.write_side import ItemKind, invoice_counter, invoice_number


class Frozen(NamedTuple):
    """A bill whose lines are final. `is_issued`: an attempt before has issued its invoice."""

    bill_id: BillId
    account_id: AccountId
    facility: str
    currency: str
    item_count: int
    total_minor: int
    digest: str
    attempt: int
    is_issued: bool

    @property
    def total(self) -> Money:
        """What is owed."""
        return Money.of(self.total_minor, self.currency)

    @property
    def invoice_id(self) -> InvoiceId | None:
        """The invoice that it is owed by; a bill of nothing has none."""
        return naming.bill_invoice_id(self.bill_id) if self.total_minor else None


def close(
    frozen: Frozen, closed_by: ClosedBy, reason: Private | None, due_days: int, book: Book
) -> list[tuple[str, Event]]:
    """Everything that closing does at once; with a saved card it ends with the begun charge.

    Raises Invalid, EverythingSealed.
    """
    card = _card(frozen, book)
    charged = _charge(frozen, card, book) if card else None
    closing = replace(freeze(frozen, closed_by, reason, book), invoice_id=frozen.invoice_id)
    if charged is not None:
        closing = _owed_from_now(closing, frozen, charged.payment_id, book)
    events: list[tuple[str, Event]] = [(frozen.bill_id, closing)]
    if frozen.invoice_id is not None and not frozen.is_issued:
        events += [(frozen.invoice_id, event) for event in _issue(frozen, due_days, book)]
    if charged is not None:
        events.append((charged.payment_id, charged))
    else:
        events.append((frozen.bill_id, closed(frozen, book)))
    return events


def _owed_from_now(
    closing: BillClosing, frozen: Frozen, payment_id: PaymentId, book: Book
) -> BillClosing:
    """It is closed once its charge has an end, but its invoice is out: the books have it, too."""
    today, account = book.today(frozen.facility), book.account(frozen.account_id)
    postings = () if frozen.is_issued else ledger.fees(frozen.total_minor)
    return replace(
        closing,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        payment_id=payment_id,
    )


def freeze(frozen: Frozen, closed_by: ClosedBy, reason: Private | None, book: Book) -> BillClosing:
    """The lines are final; nothing is issued, begun or booked by that alone."""
    # Not the posting date: a bill is frozen, and needs attention, when every day is sealed, too.
    today = book.calendar.local_date(frozen.facility, book.recorded_at)
    return BillClosing(
        bill_id=frozen.bill_id,
        account_id=frozen.account_id,
        facility=frozen.facility,
        currency=frozen.currency,
        effective_on=today,
        booked_on=today,
        closing_at=book.recorded_at,
        closed_by=closed_by,
        reason=reason,
        attempt=frozen.attempt,
        item_count=frozen.item_count,
        total=frozen.total,
        lines_digest=frozen.digest,
    )


def closed(frozen: Frozen, book: Book) -> BillClosed:
    """The bill is final, and owed from now on unless it was before; raises Invalid,
    EverythingSealed."""
    today = book.today(frozen.facility)
    account = book.account(frozen.account_id)
    postings = () if frozen.is_issued else ledger.fees(frozen.total_minor)
    return BillClosed(
        bill_id=frozen.bill_id,
        account_id=frozen.account_id,
        facility=frozen.facility,
        currency=frozen.currency,
        effective_on=today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        closed_at=book.recorded_at,
        item_count=frozen.item_count,
        total=frozen.total,
        lines_digest=frozen.digest,
        invoice_id=frozen.invoice_id,
    )


def attention(frozen: Frozen, code: str, detail: str, book: Book) -> BillAttentionRequired:
    """Somebody has to look at it."""
    return BillAttentionRequired(
        bill_id=frozen.bill_id,
        account_id=frozen.account_id,
        at=book.recorded_at,
        code=code,
        detail=detail,
    )


def _card(frozen: Frozen, book: Book) -> PaymentMethodId | None:
    """The customer's saved card that is good for the longest, if there is anything to charge."""
    this_month = f"{book.calendar.local_date(frozen.facility, book.recorded_at):%Y-%m}"
    if _owed_minor(frozen, book) <= 0:
        return None
    cards = [
        (state.expires, stream_id)
        for stream_id, state in book.states.items()
        if isinstance(state, Saved) and state.account_id == frozen.account_id
        if state.expires >= this_month  # through the end of it
    ]
    return PaymentMethodId(max(cards)[1]) if cards else None


def _owed_minor(frozen: Frozen, book: Book) -> int:
    """What is left to be paid: of an invoice that stands, somebody may have paid a part."""
    if not frozen.is_issued:
        return frozen.total_minor
    assert frozen.invoice_id is not None, "nothing is issued for a bill of nothing"
    item = book.item(frozen.account_id, ItemKind.INVOICE, frozen.invoice_id)
    return item.outstanding_minor if item else 0


def _charge(frozen: Frozen, card: PaymentMethodId, book: Book) -> PaymentInitiated:
    assert frozen.invoice_id is not None, "a card is charged for what is owed"
    amount = Money.of(_owed_minor(frozen, book), frozen.currency)
    return PaymentInitiated(
        payment_id=naming.bill_payment_id(frozen.bill_id, frozen.attempt),
        account_id=frozen.account_id,
        facility=frozen.facility,
        currency=frozen.currency,
        method=PaymentMethod.CARD,
        amount=amount,
        allocations=(Allocation(invoice_id=frozen.invoice_id, amount=amount),),
        reference=frozen.bill_id,
        payment_method_id=card,
    )


def _issue(frozen: Frozen, due_days: int, book: Book) -> tuple[InvoiceDrafted, InvoiceIssued]:
    """The invoice of a bill has no charges: the bill's line items are its lines."""
    assert frozen.invoice_id is not None, "nothing is issued for a bill of nothing"
    today: date = book.today(frozen.facility)
    value = book.next_number(invoice_counter(frozen.facility, today.year))
    nothing = Money.of(0, frozen.currency)
    drafted = InvoiceDrafted(
        invoice_id=frozen.invoice_id,
        account_id=frozen.account_id,
        facility=frozen.facility,
        currency=frozen.currency,
        line_count=0,
        net=frozen.total,
        tax=nothing,
        total=frozen.total,
        lines=(),
    )
    issued = InvoiceIssued(
        invoice_id=frozen.invoice_id,
        account_id=frozen.account_id,
        facility=frozen.facility,
        currency=frozen.currency,
        effective_on=today,
        booked_on=today,
        number=invoice_number(frozen.facility, today.year, value),
        issued_on=today,
        due_on=today + timedelta(days=due_days),
        line_count=0,
        lines_digest=lines_digest(()),
        net=frozen.total,
        tax=nothing,
        total=frozen.total,
    )
    return drafted, issued
