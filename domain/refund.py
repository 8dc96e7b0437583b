"""Refunds: money of a payment given back, asked for by one and approved by another.

What is asked for is reserved at once, so that two requests never give the same money back twice;
so is the credit that it will be taken from, which settles nothing else meanwhile.
"""

import msgspec

from contracts.ids import AccountId, PaymentId, RefundId
from contracts.ledger import Posting
from contracts.money import Money, format_minor
from contracts.payment import PaymentMethod
from contracts.private import Private
from contracts.refund import (
    RefundApproved,
    RefundFailed,
    RefundIssued,
    RefundRejected,
    RefundRequested,
)
from domain import ledger
from domain.book import Book
from domain.decider import Decider, Decision
from domain.payment import Posted
from domain.receipt import RECEIVED_IN
from domain.rejections import (
    AlreadyExists,
    AmountExceedsRefundable,
    CurrencyUnsupported,
    FourEyes,
    Invalid,
    NotFound,
    PaymentNotPosted,
    RefundNotApproved,
    RefundSettled,
)
from domain.write_side import AccountHead, ItemKind


class RequestRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Ask that money of a payment be given back the way it came."""

    refund_id: RefundId
    payment_id: PaymentId
    account_id: AccountId
    amount: Money
    requested_by: str
    reason: Private | None = None


class ApproveRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Let a refund be made."""

    refund_id: RefundId
    approved_by: str
    account_id: AccountId | None = None


class RejectRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Do not make a refund, and say why."""

    refund_id: RefundId
    rejected_by: str
    reason: Private
    account_id: AccountId | None = None


class PostRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Book an approved refund, before any gateway is asked to make it."""

    refund_id: RefundId
    account_id: AccountId | None = None


class FailRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Take a refund back that cannot be made, for good; the code says why in a word."""

    refund_id: RefundId
    code: str
    account_id: AccountId | None = None


RefundCommand = RequestRefund | ApproveRefund | RejectRefund | PostRefund | FailRefund


class Wanted(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What was asked for; the same in every state."""

    payment_id: PaymentId
    facility: str
    method: PaymentMethod
    amount: Money
    requested_by: str


class Requested(msgspec.Struct, frozen=True, kw_only=True, tag="requested"):
    """Waits for somebody's decision."""

    account_id: AccountId
    wanted: Wanted


class Approved(msgspec.Struct, frozen=True, kw_only=True, tag="approved"):
    """May be made."""

    account_id: AccountId
    wanted: Wanted


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """Is not made."""

    account_id: AccountId
    wanted: Wanted


class Issued(msgspec.Struct, frozen=True, kw_only=True, tag="issued"):
    """In the books; a gateway may still fail at it."""

    account_id: AccountId
    wanted: Wanted
    credit_minor: int
    receivable_minor: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Could not be made; nothing of it is left in the balances."""

    account_id: AccountId
    wanted: Wanted


RefundState = Requested | Approved | Declined | Issued | Failed
RefundEvent = RefundRequested | RefundApproved | RefundRejected | RefundIssued | RefundFailed


def decide(command: RefundCommand, book: Book) -> Decision:
    """Ask, let another decide, book, and take back what cannot be made."""
    match command, book.states.get(command.refund_id):
        case RequestRefund(), None:
            return _request(command, book)
        case _, None:
            raise NotFound(f"there is no refund {command.refund_id}")
        case RequestRefund(), known if _is_repeat(command, known):
            return []  # Asking twice is a retry, not an error.
        case RequestRefund(), _:
            raise AlreadyExists(
                f"refund {command.refund_id} was asked for before, with other content: "
                "send this one under a key of its own"
            )
        case _, known if command.account_id not in (None, known.account_id):
            raise NotFound(f"refund {command.refund_id} is not one of {command.account_id}")
        case ApproveRefund(approved_by=who) | RejectRefund(rejected_by=who), Requested(
            wanted=Wanted(requested_by=asked_by)
        ) if who == asked_by:
            raise FourEyes(f"{who} asked for refund {command.refund_id}: let another decide")
        case ApproveRefund(), Requested() as known:
            return [(command.refund_id, _approved(command.refund_id, known, command.approved_by))]
        case RejectRefund(), Requested() as known:
            return [(command.refund_id, _rejected(command, known))]
        case ApproveRefund(), Approved() | Issued() | Failed():
            return []  # Approving twice is a retry, not an error.
        case RejectRefund(), Declined():
            return []
        case ApproveRefund() | RejectRefund(), known:
            raise RefundSettled(f"refund {command.refund_id} is {_name(known)} already")
        case PostRefund(), Approved() as known:
            return [(command.refund_id, _issue(command, known, book))]
        case PostRefund(), Issued():
            return []
        case FailRefund(), Approved() | Issued() as known:
            return [(command.refund_id, _fail(command, known, book))]
        case FailRefund(), Failed():
            return []
        case _, known:
            raise RefundNotApproved(f"refund {command.refund_id} is {_name(known)}, not approved")


def _name(state: RefundState) -> str:
    return str(state.__struct_config__.tag)


def _is_repeat(command: RequestRefund, known: RefundState) -> bool:
    # The reason is sealed, another text each time.
    wanted = known.wanted
    return (command.account_id, command.payment_id, command.amount, command.requested_by) == (
        known.account_id,
        wanted.payment_id,
        wanted.amount,
        wanted.requested_by,
    )


def _request(command: RequestRefund, book: Book) -> Decision:
    payment = _payment(command, book)
    account = book.account(command.account_id)
    given = book.item(command.account_id, ItemKind.REFUND, command.payment_id)
    given_minor = given.outstanding_minor if given else 0
    _check(command, payment, account, given_minor)
    held_minor = min(book.free_credit_minor(command.account_id), command.amount.minor)
    requested = RefundRequested(
        refund_id=command.refund_id,
        payment_id=command.payment_id,
        account_id=command.account_id,
        facility=account.facility,
        currency=account.currency,
        method=payment.method,
        amount=command.amount,
        requested_by=command.requested_by,
        requested_on=book.today(account.facility),
        reason=command.reason,
        payment_ref=payment.payment_ref,
        held=Money.of(held_minor, account.currency),
    )
    stream = command.refund_id
    # With what was given back before: parts of a payment are no way around the second person.
    if given_minor + command.amount.minor >= book.refund_thresholds.get(account.currency, 0):
        return [(stream, requested)]
    asked = evolve(None, requested)
    assert asked is not None, "a request makes a refund"
    return [(stream, requested), (stream, _approved(stream, asked, None))]


def _payment(command: RequestRefund, book: Book) -> Posted:
    match book.states.get(command.payment_id):
        case Posted(account_id=owner) as payment if owner == command.account_id:
            return payment
        case known if known is not None and known.account_id == command.account_id:
            raise PaymentNotPosted(f"payment {command.payment_id} was not made")
        case _:
            raise NotFound(
                f"there is no payment {command.payment_id} on account {command.account_id}"
            )


def _check(command: RequestRefund, payment: Posted, account: AccountHead, given_minor: int) -> None:
    currency = account.currency
    if command.amount.currency != currency:
        raise CurrencyUnsupported(
            f"payment {command.payment_id} is in {currency}, "
            f"the refund in {command.amount.currency}"
        )
    if command.amount.minor <= 0:
        raise Invalid("amount must be positive")
    left_minor = payment.amount_minor - given_minor
    if command.amount.minor > left_minor:
        raise AmountExceedsRefundable(
            f"{format_minor(left_minor, currency)} {currency} of payment {command.payment_id} "
            f"can be refunded, with what was asked for before, not {command.amount.amount}"
        )


def _approved(refund_id: RefundId, known: RefundState, approved_by: str | None) -> RefundApproved:
    return RefundApproved(
        refund_id=refund_id,
        payment_id=known.wanted.payment_id,
        account_id=known.account_id,
        approved_by=approved_by,
    )


def _rejected(command: RejectRefund, known: RefundState) -> RefundRejected:
    return RefundRejected(
        refund_id=command.refund_id,
        payment_id=known.wanted.payment_id,
        account_id=known.account_id,
        amount=known.wanted.amount,
        rejected_by=command.rejected_by,
        reason=command.reason,
    )


def _issue(command: PostRefund, known: Approved, book: Book) -> RefundIssued:
    account, wanted = book.account(known.account_id), known.wanted
    free_minor = book.free_credit_minor(known.account_id, but=command.refund_id)
    credit_minor = min(free_minor, wanted.amount.minor)
    owed_minor = wanted.amount.minor - credit_minor
    postings = ledger.refund(RECEIVED_IN[wanted.method], credit_minor, owed_minor)
    today = book.today(wanted.facility)
    return RefundIssued(
        refund_id=command.refund_id,
        payment_id=wanted.payment_id,
        account_id=known.account_id,
        facility=wanted.facility,
        currency=account.currency,
        effective_on=today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        method=wanted.method,
        amount=wanted.amount,
        from_credit=Money.of(credit_minor, account.currency),
        from_receivable=Money.of(owed_minor, account.currency),
    )


def _fail(command: FailRefund, known: Approved | Issued, book: Book) -> RefundFailed:
    account, wanted = book.account(known.account_id), known.wanted
    postings: tuple[Posting, ...] = ()
    if isinstance(known, Issued):
        # What was owed again may be paid by now: that money is the customer's credit.
        owed_minor = min(known.receivable_minor, book.unallocated_minor(known.account_id))
        credit_minor = wanted.amount.minor - owed_minor
        booked = ledger.refund(RECEIVED_IN[wanted.method], credit_minor, owed_minor)
        postings = ledger.within_balance(account, ledger.mirrored(booked))
    today = book.today(wanted.facility)
    return RefundFailed(
        refund_id=command.refund_id,
        payment_id=wanted.payment_id,
        account_id=known.account_id,
        facility=wanted.facility,
        currency=account.currency,
        effective_on=today,
        booked_on=today,
        postings=postings,
        amount=wanted.amount,
        code=command.code,
    )


def evolve(state: RefundState | None, event: RefundEvent) -> RefundState | None:
    """The refund after an event."""
    match event, state:
        case RefundRequested(), _:
            wanted = Wanted(
                payment_id=event.payment_id,
                facility=event.facility,
                method=event.method,
                amount=event.amount,
                requested_by=event.requested_by,
            )
            return Requested(account_id=event.account_id, wanted=wanted)
        case _, None:
            return state
        case RefundApproved(), known:
            return Approved(account_id=known.account_id, wanted=known.wanted)
        case RefundRejected(), known:
            return Declined(account_id=known.account_id, wanted=known.wanted)
        case RefundIssued(), known:
            return Issued(
                account_id=known.account_id,
                wanted=known.wanted,
                credit_minor=event.from_credit.minor,
                receivable_minor=event.from_receivable.minor,
            )
        case RefundFailed(), known:
            return Failed(account_id=known.account_id, wanted=known.wanted)


REFUND = Decider("rfd", decide, evolve, RefundState)
