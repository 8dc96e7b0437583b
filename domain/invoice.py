"""Invoices: open charges bundled into a draft, frozen under a gapless number, settled."""

from datetime import date, timedelta
from typing import Final

import msgspec

from contracts.event import Event
from contracts.ids import AccountId, ChargeId, InvoiceId
from contracts.invoice import (
    LINES_PER_EVENT_MAX,
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceLine,
    InvoiceLinesAdded,
    InvoicePaid,
    InvoiceReminded,
    InvoiceSentToCollections,
    InvoiceVoided,
)
from contracts.money import Money, format_minor, sum_minor_max
from contracts.private import Private
from domain import ledger
from domain.book import Book
from domain.charge import Captured, Reversed
from domain.collecting import (
    CollectionCommand,
    CollectionEvent,
    Pursued,
    RemindInvoice,
    SendToCollections,
    collect,
    pursued_after,
)
from domain.decider import Decider, Decision, Rejected
from domain.lines import lines_digest
from domain.rejections import (
    AlreadyExists,
    ChargeNotOpen,
    Invalid,
    InvoiceIssuedBefore,
    InvoiceNotDraft,
    InvoiceNotIssued,
    InvoiceNotOutstanding,
    InvoiceOfBill,
    NotFound,
    NothingToInvoice,
)
from domain.settling import paid
from domain.true_up import difference_minor, true_up
from domain.voiding import Voiding, void
from domain.write_side import AccountHead, ItemKind, invoice_counter, invoice_number

DUE_DAYS_MAX: Final = 3_650


class CreateDraftInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Bundle open charges of an account: those named, or all of them."""

    invoice_id: InvoiceId
    account_id: AccountId
    facility: str | None = None
    charge_ids: tuple[ChargeId, ...] | None = None


class IssueInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Freeze a draft under the next number; due so many days after today."""

    invoice_id: InvoiceId
    account_id: AccountId | None = None
    due_days: int = 30


class VoidInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Take an issued invoice back, paid or not; its charges are closed for good."""

    invoice_id: InvoiceId
    reason: Private
    account_id: AccountId | None = None


InvoiceCommand = CreateDraftInvoice | IssueInvoice | VoidInvoice | CollectionCommand


class Draft(msgspec.Struct, frozen=True, kw_only=True, tag="draft"):
    """Lines are bundled; nothing is owed on it yet."""

    account_id: AccountId
    facility: str
    currency: str
    line_count: int
    net_minor: int
    tax_minor: int
    charge_ids: tuple[ChargeId, ...]


class Issued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="issued"):
    """Numbered and owed. `due_days` tells a repeat from another wish."""

    account_id: AccountId
    number: str
    total_minor: int
    due_on: date
    charge_ids: tuple[ChargeId, ...] | None = None  # not in states that older releases stored
    due_days: int | None = None  # not in states that older releases stored
    facility: str | None = None  # not in states that older releases stored
    pursued: Pursued | None = None


class Paid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="paid"):
    """Nothing is outstanding any more."""

    account_id: AccountId
    number: str
    total_minor: int
    charge_ids: tuple[ChargeId, ...] | None = None  # not in states that older releases stored
    due_days: int | None = None  # not in states that older releases stored
    facility: str | None = None  # not in states that older releases stored


class Void(msgspec.Struct, frozen=True, kw_only=True, tag="void"):
    """Owed no more, and never again. The reason, sealed, tells a repeat."""

    account_id: AccountId
    number: str
    total_minor: int
    reason: Private


InvoiceState = Draft | Issued | Paid | Void
IssuingEvent = InvoiceDrafted | InvoiceLinesAdded | InvoiceIssued
InvoiceEvent = IssuingEvent | InvoicePaid | InvoiceVoided | CollectionEvent


def decide(command: InvoiceCommand, book: Book) -> Decision:
    """Draft or issue an invoice; repeating either decides nothing."""
    match command, book.states.get(command.invoice_id):
        case CreateDraftInvoice(), None:
            return _draft(command, book)
        case CreateDraftInvoice(), Draft(account_id=owner) if owner != command.account_id:
            raise AlreadyExists(f"invoice {command.invoice_id} is on another account")
        case CreateDraftInvoice(), Draft() as draft if _is_repeat(command, draft, book):
            return []  # Drafting twice under one id is a retry.
        case CreateDraftInvoice(), Draft():
            raise AlreadyExists(
                f"invoice {command.invoice_id} was drafted before, with other content: "
                "send this one under a key of its own"
            )
        case CreateDraftInvoice(), _:
            raise AlreadyExists(f"invoice {command.invoice_id} is issued already")
        case IssueInvoice(account_id=str(named)), Draft(account_id=owner) if named != owner:
            # Only the named account is locked and loaded; the invoice's own is not.
            raise NotFound(f"invoice {command.invoice_id} is not one of account {named}")
        case IssueInvoice(), Draft() as draft:
            return _issue(command, draft, book)
        case IssueInvoice(), Issued() | Paid() as issued:
            _check_repeat(command, issued)
            return []  # Issuing twice is a retry, not an error.
        case IssueInvoice(), None:
            raise NotFound(f"there is no invoice {command.invoice_id}")
        case VoidInvoice(), None:
            raise NotFound(f"there is no invoice {command.invoice_id}")
        case VoidInvoice(account_id=str(named)), (
            Draft() | Issued() | Paid() | Void()
        ) as known if named != known.account_id:
            raise NotFound(f"invoice {command.invoice_id} is not one of account {named}")
        case VoidInvoice(), (Issued() | Paid()) as known:
            return void(_voiding(command, known), book)
        case VoidInvoice(reason=reason), Void(reason=known) if reason == known:
            return []  # The very same command again.
        case VoidInvoice(), Void():
            raise InvoiceNotIssued(f"invoice {command.invoice_id} is void already")
        case VoidInvoice(), Draft():
            raise InvoiceNotIssued(
                f"invoice {command.invoice_id} is a draft, which nobody owes: issue it first"
            )
        case RemindInvoice() | SendToCollections(), Issued() as known:
            return collect(command, known.account_id, known.pursued, book)
        case RemindInvoice() | SendToCollections(), _:
            raise InvoiceNotOutstanding(f"nothing is owed on invoice {command.invoice_id}")
        case _:
            raise InvoiceNotDraft(f"invoice {command.invoice_id} is no draft")


def _is_repeat(command: CreateDraftInvoice, draft: Draft, book: Book) -> bool:
    facility = command.facility or book.account(command.account_id).facility
    # Without charges of its own it asked for those that were open then.
    return facility == draft.facility and command.charge_ids in (None, draft.charge_ids)


def _check_repeat(command: IssueInvoice, issued: Issued | Paid) -> None:
    if command.account_id not in (None, issued.account_id):
        raise NotFound(f"invoice {command.invoice_id} is not one of account {command.account_id}")
    if issued.due_days not in (None, command.due_days):
        raise InvoiceIssuedBefore(
            f"invoice {command.invoice_id} is issued as {issued.number}, due {issued.due_days} "
            f"days after its day of issue, not {command.due_days}: that day stays"
        )


def _draft(command: CreateDraftInvoice, book: Book) -> Decision:
    account = book.account(command.account_id)
    charges = _open_charges(command, book)
    if not charges:
        raise NothingToInvoice(f"account {command.account_id} has no open charge to invoice")
    lines = [_line(charge_id, charge, account.currency) for charge_id, charge in charges]
    first = _drafted(command, account, charges, tuple(lines[:LINES_PER_EVENT_MAX]))
    rest: list[Event] = [
        InvoiceLinesAdded(
            invoice_id=command.invoice_id,
            account_id=command.account_id,
            lines=tuple(lines[start : start + LINES_PER_EVENT_MAX]),
        )
        for start in range(LINES_PER_EVENT_MAX, len(lines), LINES_PER_EVENT_MAX)
    ]
    return [(command.invoice_id, event) for event in (first, *rest)]


def _drafted(
    command: CreateDraftInvoice,
    account: AccountHead,
    charges: list[tuple[ChargeId, Captured]],
    lines: tuple[InvoiceLine, ...],
) -> InvoiceDrafted:
    net_minor = sum(charge.net_minor for _, charge in charges)
    tax_minor = sum(charge.tax_minor for _, charge in charges)
    _check_total(net_minor + tax_minor, account.currency)
    return InvoiceDrafted(
        invoice_id=command.invoice_id,
        account_id=command.account_id,
        facility=command.facility or account.facility,
        currency=account.currency,
        line_count=len(charges),
        net=Money.of(net_minor, account.currency),
        tax=Money.of(tax_minor, account.currency),
        total=Money.of(net_minor + tax_minor, account.currency),
        lines=lines,
    )


def _check_total(total_minor: int, currency: str) -> None:
    if total_minor > sum_minor_max(currency):
        most = format_minor(sum_minor_max(currency), currency)
        raise Invalid(
            f"the invoice's total would exceed {most} {currency}: name fewer charges in charge_ids"
        )


def _open_charges(command: CreateDraftInvoice, book: Book) -> list[tuple[ChargeId, Captured]]:
    if command.charge_ids is None:
        items = book.items(command.account_id, ItemKind.CHARGE)
        charges = [(ChargeId(item.item_id), book.states[item.item_id]) for item in items]
        return sorted(charges, key=_place)
    if len(set(command.charge_ids)) != len(command.charge_ids):
        raise Invalid("charge_ids names a charge twice: name each once")
    for charge_id in command.charge_ids:
        if book.item(command.account_id, ItemKind.CHARGE, charge_id) is None:
            raise _not_open(charge_id, command.account_id, book)
    return [(charge_id, book.states[charge_id]) for charge_id in command.charge_ids]


def _place(charge: tuple[ChargeId, Captured]) -> tuple[date, str, ChargeId]:
    """Service date, code, id: an order that a reader expects and a retry finds again."""
    charge_id, captured = charge
    return captured.service_on, captured.code, charge_id


def _not_open(charge_id: ChargeId, account_id: AccountId, book: Book) -> Rejected:
    match book.states.get(charge_id):
        case Captured(account_id=owner) if owner != account_id:
            return NotFound(f"charge {charge_id} is not one of account {account_id}")
        case Reversed():
            return ChargeNotOpen(f"charge {charge_id} was reversed: leave it out")
        case Captured():
            return ChargeNotOpen(f"charge {charge_id} is on an invoice already: leave it out")
        case _:
            return NotFound(f"there is no charge {charge_id}")


def _line(charge_id: ChargeId, charge: Captured, currency: str) -> InvoiceLine:
    return InvoiceLine(
        charge_id=charge_id,
        code=charge.code,
        quantity=charge.quantity,
        service_on=charge.service_on,
        net=Money.of(charge.net_minor, currency),
        tax=Money.of(charge.tax_minor, currency),
    )


def _issue(command: IssueInvoice, draft: Draft, book: Book) -> Decision:
    if not 0 <= command.due_days <= DUE_DAYS_MAX:
        raise Invalid(f"due_days must be from 0 to {DUE_DAYS_MAX}")
    issued_on = book.today(draft.facility)
    if (date.max - issued_on).days < command.due_days:
        raise Invalid(f"due_days lead beyond {date.max}, the last day there is")
    trued_up = true_up(command.invoice_id, draft, book)
    more_minor = difference_minor(trued_up)
    tax_minor = draft.tax_minor + more_minor
    _check_total(draft.net_minor + tax_minor, draft.currency)
    postings = ledger.tax_true_up(more_minor)
    if postings:
        postings = ledger.within_balance(book.account(draft.account_id), postings)
    value = book.next_number(invoice_counter(draft.facility, issued_on.year))
    issued = InvoiceIssued(
        invoice_id=command.invoice_id,
        account_id=draft.account_id,
        facility=draft.facility,
        currency=draft.currency,
        effective_on=issued_on,
        booked_on=issued_on,
        postings=postings,
        number=invoice_number(draft.facility, issued_on.year, value),
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=command.due_days),
        line_count=draft.line_count,
        lines_digest=lines_digest(draft.charge_ids),
        net=Money.of(draft.net_minor, draft.currency),
        tax=Money.of(tax_minor, draft.currency),
        total=Money.of(draft.net_minor + tax_minor, draft.currency),
    )
    events: list[Event] = [issued]
    if issued.total.minor == 0:
        # Nothing is owed on it, so nothing would ever settle it.
        events.append(paid(command.invoice_id, draft.account_id, command.invoice_id, issued_on))
    return [
        *((event.charge_id, event) for event in trued_up),
        *((command.invoice_id, event) for event in events),
    ]


def _voiding(command: VoidInvoice, known: Issued | Paid) -> Voiding:
    if known.charge_ids == ():
        raise InvoiceOfBill(f"invoice {known.number} is a bill's, which is final: adjust it")
    assert known.charge_ids is not None, "the loader reads what an older release did not keep"
    return Voiding(
        invoice_id=command.invoice_id,
        account_id=known.account_id,
        number=known.number,
        total_minor=known.total_minor,
        charge_ids=known.charge_ids,
        reason=command.reason,
        facility=known.facility,
    )


def evolve(state: InvoiceState | None, event: InvoiceEvent) -> InvoiceState | None:
    """The invoice after an event."""
    match event, state:
        case InvoiceDrafted(), _:
            return Draft(
                account_id=event.account_id,
                facility=event.facility,
                currency=event.currency,
                line_count=event.line_count,
                net_minor=event.net.minor,
                tax_minor=event.tax.minor,
                charge_ids=tuple(line.charge_id for line in event.lines),
            )
        case InvoiceLinesAdded(), Draft():
            added = tuple(line.charge_id for line in event.lines)
            return msgspec.structs.replace(state, charge_ids=state.charge_ids + added)
        case InvoiceIssued(), _:
            return Issued(
                account_id=event.account_id,
                number=event.number,
                total_minor=event.total.minor,
                due_on=event.due_on,
                charge_ids=state.charge_ids if isinstance(state, Draft) else None,
                due_days=(event.due_on - event.issued_on).days,
                facility=event.facility,
            )
        case InvoicePaid(), Issued():
            return Paid(
                account_id=event.account_id,
                number=state.number,
                total_minor=state.total_minor,
                charge_ids=state.charge_ids,
                due_days=state.due_days,
                facility=state.facility,
            )
        case InvoiceReminded() | InvoiceSentToCollections(), Issued():
            return msgspec.structs.replace(state, pursued=pursued_after(state.pursued, event))
        case InvoiceVoided(), Issued() | Paid():
            return Void(
                account_id=event.account_id,
                number=event.number,
                total_minor=event.total.minor,
                reason=event.reason,
            )
        case _:
            return state


INVOICE = Decider("inv", decide, evolve, InvoiceState)
