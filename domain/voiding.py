"""What voiding an invoice takes back: its lines, what was adjusted on it, and what was paid on it.

Every line is mirrored as its charge was booked, to the cent and at its own facility and service
date, and so is the tax that the issue booked at the invoice's; what payments and credit had settled
is the customer's credit again, and settles at once what the account owes beside its invoices.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.event import Event
from contracts.ids import AccountId, ChargeId, InvoiceId
from contracts.invoice import InvoiceVoided
from contracts.ledger import GlAccount, Posting
from contracts.money import Money
from contracts.private import Private
from domain import ledger, naming
from domain.adjusting import AGAINST
from domain.allocation import Settlement
from domain.book import Book
from domain.charge import Captured
from domain.decider import Decision
from domain.settling import used
from domain.write_side import AccountHead, ItemKind, adjusted


class Voiding(NamedTuple):
    """An invoice that is to be voided."""

    invoice_id: InvoiceId
    account_id: AccountId
    number: str
    total_minor: int
    charge_ids: Sequence[ChargeId]
    reason: Private
    facility: str | None
    """Where it was issued; not known of one that an older release issued."""


class _TakenBack(NamedTuple):
    """A transaction that is mirrored; `name` tells it from the others of its invoice."""

    name: str
    facility: str
    effective_on: date
    postings: tuple[Posting, ...]


def void(voiding: Voiding, book: Book) -> Decision:
    """The invoice is void, then everything that it put into the books is taken back."""
    account = book.account(voiding.account_id)
    today = book.today(account.facility)
    corrections = dict(_corrections(voiding, book))
    outstanding = book.item(voiding.account_id, ItemKind.INVOICE, voiding.invoice_id)
    outstanding_minor = outstanding.outstanding_minor if outstanding else 0
    released_minor = voiding.total_minor - outstanding_minor - sum(corrections.values())
    voided = _voided(voiding, account, today, outstanding_minor, released_minor)
    taken_back = [
        *_lines(voiding, account, book),
        *_adjustments(corrections, account, today),
    ]
    _check_balance(account, voided, taken_back)
    events: list[tuple[str, Event]] = [(voiding.invoice_id, voided)]
    for part in taken_back:
        if not part.postings:
            continue  # A service for nothing left nothing in the books.
        applied = _applied(part, voiding, account, book)
        events.append((applied.adjustment_id, applied))
    return events + _beside(voiding, account, released_minor, today, book)


def _beside(
    voiding: Voiding, account: AccountHead, released_minor: int, today: date, book: Book
) -> list[tuple[str, Event]]:
    """Money that was refunded while the invoice had it is owed: it is not credit a second time."""
    settled_minor = min(released_minor, book.unallocated_minor(voiding.account_id))
    if settled_minor <= 0:
        return []
    stream = naming.void_allocation_id(voiding.invoice_id)
    return [(stream, used(stream, Settlement([], settled_minor), account, today))]


def _corrections(voiding: Voiding, book: Book) -> Iterator[tuple[AdjustmentReason, int]]:
    """What stands adjusted on the invoice by reason, credits less debits."""
    for reason in AGAINST:
        named = adjusted(voiding.invoice_id, reason)
        item = book.item(voiding.account_id, ItemKind.ADJUSTMENT, named)
        if item is not None:
            yield reason, item.outstanding_minor


def _voided(
    voiding: Voiding,
    account: AccountHead,
    today: date,
    outstanding_minor: int,
    released_minor: int,
) -> InvoiceVoided:
    return InvoiceVoided(
        invoice_id=voiding.invoice_id,
        account_id=voiding.account_id,
        facility=account.facility,
        currency=account.currency,
        effective_on=today,
        booked_on=today,
        postings=ledger.credit_used(-released_minor),
        number=voiding.number,
        voided_on=today,
        reason=voiding.reason,
        total=Money.of(voiding.total_minor, account.currency),
        outstanding=Money.of(outstanding_minor, account.currency),
        released=Money.of(released_minor, account.currency),
    )


def _lines(voiding: Voiding, account: AccountHead, book: Book) -> Iterator[_TakenBack]:
    left_minor = voiding.total_minor
    for charge_id in voiding.charge_ids:
        charge: Captured = book.states[charge_id]
        taxed_minor = charge.tax_minor - charge.trued_up_minor
        left_minor -= charge.net_minor + taxed_minor
        yield _TakenBack(
            name=charge_id,
            # A state that an older release stored does not have it; mostly the account's own.
            facility=charge.asked.facility if charge.asked else account.facility,
            effective_on=charge.service_on,
            postings=ledger.charge(-charge.net_minor, -taxed_minor),
        )
    # What the issue itself booked: the tax that its charges had more or less by then.
    facility = voiding.facility or account.facility
    yield _TakenBack("issue", facility, book.today(facility), ledger.charge(0, -left_minor))


def _adjustments(
    corrections: dict[AdjustmentReason, int], account: AccountHead, today: date
) -> Iterator[_TakenBack]:
    for reason, credit_minor in corrections.items():
        postings = ledger.adjustment(AGAINST[reason], -credit_minor)
        yield _TakenBack(reason, account.facility, today, postings)


def _check_balance(
    account: AccountHead, voided: InvoiceVoided, taken_back: Sequence[_TakenBack]
) -> None:
    """All of it together must leave the account within bounds; raises Invalid."""
    owed_minor = sum(ledger.on_receivable(part.postings) for part in taken_back)
    receivable = Posting(gl_account=GlAccount.RECEIVABLE, amount_minor=owed_minor)
    ledger.within_balance(account, (*voided.postings, receivable))


def _applied(
    part: _TakenBack, voiding: Voiding, account: AccountHead, book: Book
) -> AdjustmentApplied:
    owed_minor = ledger.on_receivable(part.postings)
    return AdjustmentApplied(
        adjustment_id=naming.void_adjustment_id(voiding.invoice_id, part.name),
        account_id=voiding.account_id,
        facility=part.facility,
        currency=account.currency,
        effective_on=part.effective_on,
        booked_on=book.today(part.facility),
        postings=part.postings,
        reason=AdjustmentReason.INVOICE_VOID,
        direction=Direction.CREDIT if owed_minor <= 0 else Direction.DEBIT,
        amount=Money.of(abs(owed_minor), account.currency),
        invoice_id=voiding.invoice_id,
    )
