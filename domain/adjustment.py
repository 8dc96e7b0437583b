"""Adjustments: a receivable corrected for a named reason, on an invoice or on the account."""

from datetime import date

import msgspec

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.ids import AccountId, AdjustmentId, InvoiceId, RemittanceId
from contracts.money import Money, format_minor, sum_minor_max
from contracts.payment import Allocation
from domain import ledger
from domain.adjusting import AGAINST
from domain.allocation import oldest_first, to_invoice
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import (
    AlreadyExists,
    CurrencyUnsupported,
    Invalid,
    InvoiceNotOutstanding,
)
from domain.settling import settled
from domain.write_side import AccountHead, ItemKind, OpenItem


class ApplyAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Lower (credit) or raise (debit) what is owed, on one invoice or on the account.

    A credit on the account takes the oldest first, as money does; a debit is owed on no invoice.
    """

    adjustment_id: AdjustmentId
    account_id: AccountId
    reason: AdjustmentReason
    direction: Direction
    amount: Money
    effective_on: date | None = None
    invoice_id: InvoiceId | None = None
    remittance_id: RemittanceId | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What else was asked for: it tells a repeat from another adjustment under the same id."""

    currency: str
    reason: AdjustmentReason
    direction: Direction
    effective_on: date
    booked_on: date
    invoice_id: InvoiceId | None
    remittance_id: RemittanceId | None


class Applied(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="applied"):
    """An adjustment in the books."""

    account_id: AccountId
    amount_minor: int
    asked: Asked | None = None  # not in states that older releases stored


AdjustmentState = Applied


def decide(command: ApplyAdjustment, book: Book) -> Decision:
    """Apply an adjustment once, and settle the invoice that it leaves without a remainder."""
    match book.states.get(command.adjustment_id):
        case None:
            return _apply(command, book)
        case Applied(account_id=owner) if owner != command.account_id:
            raise AlreadyExists(f"adjustment {command.adjustment_id} is on another account")
        case known if _is_repeat(command, known):
            return []  # Applying twice is a retry, not an error.
        case _:
            raise AlreadyExists(
                f"adjustment {command.adjustment_id} was applied before, with other content: "
                "send this one under a key of its own"
            )


def _is_repeat(command: ApplyAdjustment, known: Applied) -> bool:
    if known.asked is None:
        return command.amount.minor == known.amount_minor
    asked = Asked(
        currency=command.amount.currency,
        reason=command.reason,
        direction=command.direction,
        effective_on=command.effective_on or known.asked.booked_on,
        booked_on=known.asked.booked_on,
        invoice_id=command.invoice_id,
        remittance_id=command.remittance_id,
    )
    return command.amount.minor == known.amount_minor and asked == known.asked


def _apply(command: ApplyAdjustment, book: Book) -> Decision:
    account = book.account(command.account_id)
    if command.amount.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the adjustment in {command.amount.currency}"
        )
    settles = _settles(command, account, book)
    if command.remittance_id is None:  # a payer's advice comes before its money
        book.check_happened("effective_on", account.facility, command.effective_on)
    today = book.today(account.facility)
    credit_minor = command.amount.minor
    if command.direction is Direction.DEBIT:
        credit_minor = -credit_minor
    postings = ledger.adjustment(AGAINST[command.reason], credit_minor)
    applied = AdjustmentApplied(
        adjustment_id=command.adjustment_id,
        account_id=command.account_id,
        facility=account.facility,
        currency=account.currency,
        effective_on=command.effective_on or today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        reason=command.reason,
        direction=command.direction,
        amount=command.amount,
        invoice_id=command.invoice_id,
        remittance_id=command.remittance_id,
        allocations=() if command.invoice_id else tuple(settles),
    )
    stream = command.adjustment_id
    paid_off = settled(settles, command.account_id, stream, today, book)
    return [(stream, applied), *paid_off]


def _settles(command: ApplyAdjustment, account: AccountHead, book: Book) -> list[Allocation]:
    """What a credit lowers of invoices; raises Invalid and InvoiceNotOutstanding."""
    if command.amount.minor <= 0:
        raise Invalid("amount must be positive: the direction says its sign")
    if command.reason not in AGAINST:
        raise Invalid(f"reason {command.reason} is applied by voiding an invoice only")
    if command.invoice_id is not None:
        invoice = _checked_invoice(command, command.invoice_id, book)
        return to_invoice(command.amount, invoice) if _is_credit(command) else []
    return _of_account(command, account, book) if _is_credit(command) else []


def _is_credit(command: ApplyAdjustment) -> bool:
    return command.direction is Direction.CREDIT


def _of_account(command: ApplyAdjustment, account: AccountHead, book: Book) -> list[Allocation]:
    found = oldest_first(command.amount, book.owed(command.account_id))
    if found.total_minor < command.amount.minor:
        owed = format_minor(found.total_minor, account.currency)
        raise Invalid(
            f"account {account.account_id} owes {owed} {account.currency} on invoices and beside "
            f"them, less than {command.amount.amount}: a charge is adjusted once it is invoiced"
        )
    return found.invoices


def _checked_invoice(command: ApplyAdjustment, invoice_id: InvoiceId, book: Book) -> OpenItem:
    invoice = book.item(command.account_id, ItemKind.INVOICE, invoice_id)
    if invoice is None:
        raise InvoiceNotOutstanding(f"invoice {invoice_id} has nothing outstanding")
    too_much = command.amount.minor > invoice.outstanding_minor
    if command.direction is Direction.CREDIT and too_much:
        outstanding = Money.of(invoice.outstanding_minor, command.amount.currency).amount
        raise Invalid(
            f"{command.amount.amount} is more than the {outstanding} outstanding "
            f"on invoice {invoice_id}"
        )
    if command.direction is Direction.DEBIT:
        _check_outstanding(invoice, command.amount)
    return invoice


def _check_outstanding(invoice: OpenItem, raised: Money) -> None:
    most_minor = sum_minor_max(raised.currency)
    if invoice.outstanding_minor + raised.minor > most_minor:
        most = format_minor(most_minor, raised.currency)
        raise Invalid(
            f"what is outstanding on invoice {invoice.item_id} would exceed "
            f"{most} {raised.currency}"
        )


def evolve(_state: AdjustmentState | None, event: AdjustmentApplied) -> AdjustmentState:
    """The adjustment after an event."""
    return Applied(
        account_id=event.account_id,
        amount_minor=event.amount.minor,
        asked=Asked(
            currency=event.currency,
            reason=event.reason,
            direction=event.direction,
            effective_on=event.effective_on,
            booked_on=event.booked_on,
            invoice_id=event.invoice_id,
            remittance_id=event.remittance_id,
        ),
    )


ADJUSTMENT = Decider("adj", decide, evolve, AdjustmentState)
