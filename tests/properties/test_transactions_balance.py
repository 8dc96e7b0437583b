"""Whatever is commanded, in whatever order, the books stay straight."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.account import AccountOpened
from contracts.adjustment import AdjustmentApplied, Direction
from contracts.bill import BillClosed, BillClosing, BillLineItemAdded
from contracts.charge import ChargeCaptured, ChargeReversed, ChargeTaxTruedUp
from contracts.credit import CreditAllocated
from contracts.event import AccountEvent, Posted
from contracts.ids import AccountId, BillId
from contracts.invoice import (
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceLinesAdded,
    InvoicePaid,
    InvoiceVoided,
)
from contracts.ledger import GlAccount
from contracts.money import MINOR_MAX, sum_minor_max
from contracts.payment import PaymentFailed, PaymentInitiated, PaymentPosted
from contracts.refund import RefundFailed, RefundIssued, RefundRejected, RefundRequested
from domain import ledger, naming
from domain.adjusting import AGAINST
from domain.invoice import Draft
from domain.write_side import ItemKind
from tests.fixtures import bill_commands as bills
from tests.fixtures.bill_commands import bill_steps
from tests.fixtures.commands import taxed_histories
from tests.fixtures.world import World


def of(world: World, *kinds: type[Any]) -> list[Any]:
    return [recorded.event for recorded in world.events if isinstance(recorded.event, kinds)]


def every_transaction_sums_to_zero_and_fits_the_ledger(world: World) -> None:
    for event in of(world, Posted):
        assert sum(posting.amount_minor for posting in event.postings) == 0
        # What credit or a void moves adds up several payments.
        sums = isinstance(event, InvoiceVoided | CreditAllocated | AdjustmentApplied)
        most_minor = sum_minor_max(event.currency) if sums else MINOR_MAX
        assert all(0 < abs(posting.amount_minor) <= most_minor for posting in event.postings)


@settings(max_examples=80, deadline=None)
@given(taxed_histories(), st.sampled_from(["receivable_minor", "credit_minor"]), st.booleans())
def test_no_account_leaves_its_bounds_however_near_it_is_to_them(
    history: Any, balance: str, negative: bool
) -> None:
    """Every account begins with a balance at its bound, as after a thousand great charges."""
    world = World()
    for command, hours in history:
        world.commit(hours)
        recorded = world.execute(command)
        if recorded and isinstance(recorded[0].event, AccountOpened):
            head = world.book.accounts[recorded[0].event.account_id]
            most_minor = sum_minor_max(head.currency)
            bound = {balance: -most_minor if negative else most_minor}
            world.book.accounts[head.account_id] = msgspec.structs.replace(head, **bound)
    for head in world.book.accounts.values():
        assert abs(head.receivable_minor) <= sum_minor_max(head.currency)
        assert abs(head.credit_minor) <= sum_minor_max(head.currency)


def a_payment_is_never_allocated_beyond_what_was_received(world: World) -> None:
    for payment in of(world, PaymentPosted):
        allocated = [allocation.amount.minor for allocation in payment.allocations]
        assert all(minor > 0 for minor in allocated)
        assert payment.credited.minor >= 0
        assert sum(allocated) + payment.credited.minor <= payment.amount.minor


def what_an_account_owes_is_what_is_open_on_it_to_the_cent(world: World) -> None:
    """Charges, drafts, invoices and what is on none: money that went out is owed by something."""
    for account_id, head in world.book.accounts.items():
        assert head.receivable_minor == open_minor(world, AccountId(account_id))


def open_minor(world: World, account_id: AccountId) -> int:
    """What is open on an account, whatever its balance says."""
    kinds = (ItemKind.CHARGE, ItemKind.INVOICE, ItemKind.UNALLOCATED)
    items = [item for kind in kinds for item in world.book.items(account_id, kind)]
    assert all(item.outstanding_minor > 0 for item in items if item.kind is not ItemKind.CHARGE)
    drafts = [
        draft.net_minor + draft.tax_minor
        for draft in world.book.states.values()
        if isinstance(draft, Draft) and draft.account_id == account_id
    ]
    return sum(drafts) + sum(item.outstanding_minor for item in items)


def credit_that_a_refund_holds_is_there_when_it_is_made(world: World) -> None:
    held: dict[str, int] = {}
    for event in of(world, RefundRequested, RefundIssued, RefundRejected, RefundFailed):
        if isinstance(event, RefundRequested):
            held[event.refund_id] = event.held.minor if event.held else 0
        elif isinstance(event, RefundIssued):
            assert event.from_credit.minor >= held.pop(event.refund_id)
        else:
            held.pop(event.refund_id, None)
    for head in world.book.accounts.values():
        items = world.book.items(AccountId(head.account_id), ItemKind.HELD)
        assert sum(item.outstanding_minor for item in items) <= head.credit_minor


def an_invoice_is_never_settled_beyond_its_total_and_paid_exactly_at_zero(world: World) -> None:
    outstanding: dict[str, int] = {}
    paid: Counter[str] = Counter()
    void: set[str] = set()
    for recorded in world.events:
        match recorded.event:
            case InvoiceIssued() as issued:
                outstanding[issued.invoice_id] = issued.total.minor
            case PaymentPosted() | CreditAllocated() as payment:
                for allocation in payment.allocations:
                    outstanding[allocation.invoice_id] -= allocation.amount.minor
            case InvoiceVoided() as voided:
                assert outstanding.pop(voided.invoice_id) == voided.outstanding.minor
                void.add(voided.invoice_id)
            case AdjustmentApplied(invoice_id=None) as adjustment:
                for allocation in adjustment.allocations:
                    outstanding[allocation.invoice_id] -= allocation.amount.minor
            case AdjustmentApplied(invoice_id=str(invoice_id)) if invoice_id in void:
                pass  # it takes back what stood on the invoice
            case AdjustmentApplied(invoice_id=str(invoice_id)) as adjustment:
                credit = adjustment.direction is Direction.CREDIT
                minor = adjustment.amount.minor
                outstanding[invoice_id] -= minor if credit else -minor
            case InvoicePaid() as settled:
                paid[settled.invoice_id] += 1
                assert outstanding[settled.invoice_id] == 0
            case _:
                pass
        assert min(outstanding.values(), default=0) >= 0
    at_zero = {invoice_id: 1 for invoice_id, left in outstanding.items() if left == 0}
    assert {name: count for name, count in paid.items() if name not in void} == at_zero
    assert all(count == 1 for count in paid.values())


def a_charge_is_on_one_invoice_and_an_invoice_is_the_sum_of_its_charges(world: World) -> None:
    totals = {charge.charge_id: charge.total.minor for charge in of(world, ChargeCaptured)}
    billed: defaultdict[str, int] = defaultdict(int)
    for item in of(world, BillLineItemAdded):
        billed[naming.bill_invoice_id(item.bill_id)] += item.amount.minor
    seen: set[str] = set()
    for part in of(world, InvoiceDrafted, InvoiceLinesAdded):
        for line in part.lines:
            assert line.charge_id not in seen
            seen.add(line.charge_id)
            assert line.net.minor + line.tax.minor == totals[line.charge_id]
            billed[part.invoice_id] += totals[line.charge_id]
    for draft in of(world, InvoiceDrafted):
        assert draft.total.minor == billed[draft.invoice_id]
    more: Counter[str] = Counter()
    for event in of(world, ChargeTaxTruedUp):
        more[event.invoice_id] += event.tax.minor - event.tax_before.minor
    for invoice in of(world, InvoiceIssued):
        assert invoice.total.minor == billed[invoice.invoice_id] + more[invoice.invoice_id]
        assert ledger.on_receivable(invoice.postings) == more[invoice.invoice_id]


def a_reversal_is_the_mirror_of_one_charge_that_is_on_no_invoice(world: World) -> None:
    captured = {charge.charge_id: charge for charge in of(world, ChargeCaptured)}
    reversals = of(world, ChargeReversed)
    for event in reversals:
        mirrored = [(p.gl_account, -p.amount_minor) for p in event.postings]
        charge = captured.pop(event.charge_id)  # so no charge is reversed twice
        assert mirrored == [(p.gl_account, p.amount_minor) for p in charge.postings]
        assert (event.facility, event.effective_on) == (charge.facility, charge.effective_on)
    invoiced = {
        line.charge_id
        for part in of(world, InvoiceDrafted, InvoiceLinesAdded)
        for line in part.lines
    }
    assert invoiced.isdisjoint(event.charge_id for event in reversals)


def an_account_owes_its_charges_less_what_settled_them(world: World) -> None:
    events = [recorded.event for recorded in world.events]
    for account_id, head in world.book.accounts.items():
        own = [event for event in events if getattr(event, "account_id", None) == account_id]
        counted = [event for event in own if isinstance(event, AccountEvent)]
        assert head.version == len(counted)
        owed = credit = 0
        issued: dict[str, RefundIssued] = {}
        for event in counted:
            match event:
                case ChargeCaptured():
                    owed += event.total.minor
                case ChargeReversed():
                    owed -= event.total.minor
                case InvoiceIssued():  # the tax that its charges have more by then
                    owed += ledger.on_receivable(event.postings)
                case BillClosing() | BillClosed():
                    owed += ledger.on_receivable(event.postings)
                case PaymentPosted():
                    owed -= event.amount.minor - event.credited.minor
                    credit += event.credited.minor
                case CreditAllocated():
                    owed -= event.amount.minor
                    credit -= event.amount.minor
                case InvoiceVoided():
                    owed += event.released.minor
                    credit += event.released.minor
                case RefundIssued():
                    owed += event.from_receivable.minor
                    credit -= event.from_credit.minor
                    issued[event.refund_id] = event
                case RefundFailed() if event.refund_id in issued:
                    # What was owed again may be paid by now, and is credit then.
                    back = -ledger.on_receivable(event.postings)
                    assert 0 <= back <= issued[event.refund_id].from_receivable.minor
                    owed -= back
                    credit += event.amount.minor - back
                case AdjustmentApplied():
                    lowers = event.direction is Direction.CREDIT
                    owed -= event.amount.minor if lowers else -event.amount.minor
                case _:
                    pass
            assert credit >= 0
        assert (head.receivable_minor, head.credit_minor) == (owed, credit)


def invoice_numbers_have_no_gap(world: World) -> None:
    numbers: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for invoice in of(world, InvoiceIssued):
        facility, year, value = invoice.number.rsplit("-", 2)
        assert (facility, int(year)) == (invoice.facility, invoice.issued_on.year)
        numbers[facility, int(year)].append(int(value))
    for drawn in numbers.values():
        assert drawn[0] == 1
        assert all(later == earlier + 1 for earlier, later in pairwise(drawn))


def every_gl_account_is_booked_on_its_own_side(world: World) -> None:
    """Money comes in as a debit, revenue and tax as credits; only corrections go the other way."""
    debited = {GlAccount.CASH, GlAccount.CARD_CLEARING, GlAccount.BANK}
    credited = {GlAccount.REVENUE, GlAccount.TAX_PAYABLE, GlAccount.CUSTOMER_CREDIT}
    corrections = (
        ChargeReversed
        | RefundIssued
        | AdjustmentApplied
        | CreditAllocated
        | InvoiceVoided
        | RefundFailed
        | InvoiceIssued
    )
    for event in of(world, Posted):
        for posting in () if isinstance(event, corrections) else event.postings:
            assert not (posting.gl_account in debited and posting.amount_minor < 0)
            assert not (posting.gl_account in credited and posting.amount_minor > 0)


def a_payment_is_never_given_back_beyond_what_was_received(world: World) -> None:
    """Neither with what is only asked for: two requests never reserve the same money."""
    received = {payment.payment_id: payment.amount.minor for payment in of(world, PaymentPosted)}
    reserved: Counter[str] = Counter()
    given_back: Counter[str] = Counter()
    issued: set[str] = set()
    for recorded in world.events:
        match recorded.event:
            case RefundRequested() as refund:
                reserved[refund.payment_id] += refund.amount.minor
            case RefundRejected() as refund:
                reserved[refund.payment_id] -= refund.amount.minor
            case RefundIssued() as refund:
                given_back[refund.payment_id] += refund.amount.minor
                issued.add(refund.refund_id)
            case RefundFailed() as refund:
                reserved[refund.payment_id] -= refund.amount.minor
                if refund.refund_id in issued:
                    given_back[refund.payment_id] -= refund.amount.minor
            case _:
                continue
        for payment_id, minor in reserved.items():
            assert 0 <= given_back[payment_id] <= minor <= received[payment_id]


def a_void_leaves_nothing_of_its_invoice_in_the_books(world: World) -> None:
    """All that its charges, its issue and what was adjusted on it booked sums to zero, by account
    and facility."""
    for voided in of(world, InvoiceVoided):
        lines = {
            line.charge_id
            for part in of(world, InvoiceDrafted, InvoiceLinesAdded)
            if part.invoice_id == voided.invoice_id
            for line in part.lines
        }
        booked: Counter[tuple[str, Any]] = Counter()
        for event in of(world, Posted):
            if getattr(event, "charge_id", None) in lines or (
                isinstance(event, AdjustmentApplied | InvoiceIssued)
                and event.invoice_id == voided.invoice_id
            ):
                for posting in event.postings:
                    booked[posting.gl_account, event.facility] += posting.amount_minor
        for event in of(world, AdjustmentApplied):  # of the account, as far as it lowered this one
            for part in event.allocations:
                if part.invoice_id == voided.invoice_id:
                    booked[GlAccount.RECEIVABLE, event.facility] -= part.amount.minor
                    booked[AGAINST[event.reason], event.facility] += part.amount.minor
        assert not any(booked.values()), booked
        paid = sum(
            part.amount.minor
            for event in of(world, PaymentPosted, CreditAllocated)
            for part in event.allocations
            if part.invoice_id == voided.invoice_id
        )
        assert voided.released.minor == paid


def a_card_payment_is_booked_once_and_only_after_it_was_begun(world: World) -> None:
    begun = {payment.payment_id: payment for payment in of(world, PaymentInitiated)}
    posted = Counter(payment.payment_id for payment in of(world, PaymentPosted))
    assert all(count == 1 for count in posted.values())
    for payment in of(world, PaymentPosted):
        if payment.payment_id in begun:
            assert payment.amount == begun[payment.payment_id].amount
    assert {payment.payment_id for payment in of(world, PaymentFailed)} <= set(begun)


LAWS: Final = (
    every_transaction_sums_to_zero_and_fits_the_ledger,
    a_payment_is_never_allocated_beyond_what_was_received,
    an_invoice_is_never_settled_beyond_its_total_and_paid_exactly_at_zero,
    a_charge_is_on_one_invoice_and_an_invoice_is_the_sum_of_its_charges,
    a_reversal_is_the_mirror_of_one_charge_that_is_on_no_invoice,
    an_account_owes_its_charges_less_what_settled_them,
    what_an_account_owes_is_what_is_open_on_it_to_the_cent,
    credit_that_a_refund_holds_is_there_when_it_is_made,
    invoice_numbers_have_no_gap,
    every_gl_account_is_booked_on_its_own_side,
    a_payment_is_never_given_back_beyond_what_was_received,
    a_void_leaves_nothing_of_its_invoice_in_the_books,
    a_card_payment_is_booked_once_and_only_after_it_was_begun,
)


def a_bill_books_its_total_once_and_its_invoice_is_never_out_without_it(world: World) -> None:
    booked: Counter[str] = Counter()
    for event in of(world, BillClosing, BillClosed):
        booked[event.bill_id] += ledger.on_receivable(event.postings)
    issued = {invoice.invoice_id: invoice.total.minor for invoice in of(world, InvoiceIssued)}
    for bill_id, minor in booked.items():
        assert minor == issued.get(naming.bill_invoice_id(BillId(bill_id)), 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(bill_steps(), st.sampled_from((0, 1, 30))), min_size=8, max_size=30))
def test_every_law_of_the_books_holds_after_every_history_of_bills(history: Any) -> None:
    """Cards are saved, charged and declined in it, and bills closed, retried and given up."""
    world = World()
    made = bills.monthly()
    beginning = [made, bills.save_card(made), bills.add(made), bills.close(made)]
    world.run([*((command, 0) for command in beginning), *history])
    for law in (*LAWS, a_bill_books_its_total_once_and_its_invoice_is_never_out_without_it):
        law(world)


@settings(max_examples=320, deadline=None)
@given(taxed_histories())
def test_every_law_of_the_books_holds_after_every_history(history: Any) -> None:
    """One history for all laws: to make it up costs many times what looking at it does."""
    world = World()
    world.run(history)
    for law in LAWS:
        law(world)
