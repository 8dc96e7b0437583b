"""Whatever is commanded, in whatever order, the books stay straight."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.account import AccountOpened
from contracts.adjustment import AdjustmentApplied, Direction
from contracts.charge import ChargeCaptured, ChargeReversed
from contracts.event import AccountEvent, Posted
from contracts.ids import AccountId
from contracts.invoice import InvoiceDrafted, InvoiceIssued, InvoiceLinesAdded, InvoicePaid
from contracts.ledger import GlAccount
from contracts.money import MINOR_MAX, sum_minor_max
from contracts.payment import PaymentPosted
from domain.write_side import ItemKind
from tests.fixtures.commands import histories
from tests.fixtures.world import World

many = settings(max_examples=80, deadline=None)


def world_of(history: list[tuple[Any, int]]) -> World:
    world = World()
    world.run(history)
    return world


def of(world: World, *kinds: type[Any]) -> list[Any]:
    return [recorded.event for recorded in world.events if isinstance(recorded.event, kinds)]


@many
@given(histories())
def test_every_transaction_sums_to_zero_and_fits_the_ledger(history: Any) -> None:
    for event in of(world_of(history), Posted):
        assert sum(posting.amount_minor for posting in event.postings) == 0
        assert all(0 < abs(posting.amount_minor) <= MINOR_MAX for posting in event.postings)


@many
@given(histories(), st.sampled_from(["receivable_minor", "credit_minor"]), st.booleans())
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


@many
@given(histories())
def test_a_payment_is_never_allocated_beyond_what_was_received(history: Any) -> None:
    for payment in of(world_of(history), PaymentPosted):
        allocated = [allocation.amount.minor for allocation in payment.allocations]
        assert all(minor > 0 for minor in allocated)
        assert payment.credited.minor >= 0
        assert sum(allocated) + payment.credited.minor == payment.amount.minor


@many
@given(histories())
def test_an_invoice_is_never_settled_beyond_its_total_and_paid_exactly_at_zero(
    history: Any,
) -> None:
    outstanding: dict[str, int] = {}
    paid: Counter[str] = Counter()
    for recorded in world_of(history).events:
        match recorded.event:
            case InvoiceIssued() as issued:
                outstanding[issued.invoice_id] = issued.total.minor
            case PaymentPosted() as payment:
                for allocation in payment.allocations:
                    outstanding[allocation.invoice_id] -= allocation.amount.minor
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
    assert paid == {invoice_id: 1 for invoice_id, left in outstanding.items() if left == 0}


@many
@given(histories())
def test_a_charge_is_on_one_invoice_and_an_invoice_is_the_sum_of_its_charges(history: Any) -> None:
    world = world_of(history)
    totals = {charge.charge_id: charge.total.minor for charge in of(world, ChargeCaptured)}
    billed: defaultdict[str, int] = defaultdict(int)
    seen: set[str] = set()
    for part in of(world, InvoiceDrafted, InvoiceLinesAdded):
        for line in part.lines:
            assert line.charge_id not in seen
            seen.add(line.charge_id)
            assert line.net.minor + line.tax.minor == totals[line.charge_id]
            billed[part.invoice_id] += totals[line.charge_id]
    for invoice in of(world, InvoiceDrafted, InvoiceIssued):
        assert invoice.total.minor == billed[invoice.invoice_id]


@many
@given(histories())
def test_a_reversal_is_the_mirror_of_one_charge_that_is_on_no_invoice(history: Any) -> None:
    world = world_of(history)
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


@many
@given(histories())
def test_an_account_owes_its_charges_less_what_settled_them(history: Any) -> None:
    world = world_of(history)
    events = [recorded.event for recorded in world.events]
    for account_id, head in world.book.accounts.items():
        own = [event for event in events if getattr(event, "account_id", None) == account_id]
        counted = [event for event in own if isinstance(event, AccountEvent)]
        assert head.version == len(counted)
        owed = credit = 0
        for event in counted:
            match event:
                case ChargeCaptured():
                    owed += event.total.minor
                case ChargeReversed():
                    owed -= event.total.minor
                case PaymentPosted():
                    owed -= event.amount.minor - event.credited.minor
                    credit += event.credited.minor
                case AdjustmentApplied():
                    lowers = event.direction is Direction.CREDIT
                    owed -= event.amount.minor if lowers else -event.amount.minor
                case _:
                    pass
        assert (head.receivable_minor, head.credit_minor) == (owed, credit)
        assert credit >= 0


@many
@given(histories())
def test_what_is_outstanding_is_part_of_what_is_owed(history: Any) -> None:
    world = world_of(history)
    loose: defaultdict[str, int] = defaultdict(int)  # adjustments of no invoice
    drafted: defaultdict[str, int] = defaultdict(int)
    for event in of(world, AdjustmentApplied):
        if event.invoice_id is None:
            lowers = event.direction is Direction.CREDIT
            loose[event.account_id] += -event.amount.minor if lowers else event.amount.minor
    for event in of(world, InvoiceDrafted, InvoiceIssued):
        signed = event.total.minor if isinstance(event, InvoiceDrafted) else -event.total.minor
        drafted[event.account_id] += signed
    for account_id, head in world.book.accounts.items():
        items = [
            item.outstanding_minor
            for kind in ItemKind
            for item in world.book.items(AccountId(account_id), kind)
        ]
        parts = sum(items) + loose[account_id] + drafted[account_id]
        assert head.receivable_minor == parts


@many
@given(histories())
def test_invoice_numbers_have_no_gap(history: Any) -> None:
    numbers: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for invoice in of(world_of(history), InvoiceIssued):
        facility, year, value = invoice.number.rsplit("-", 2)
        assert (facility, int(year)) == (invoice.facility, invoice.issued_on.year)
        numbers[facility, int(year)].append(int(value))
    for drawn in numbers.values():
        assert drawn[0] == 1
        assert all(later == earlier + 1 for earlier, later in pairwise(drawn))


@many
@given(histories())
def test_every_gl_account_is_booked_on_its_own_side(history: Any) -> None:
    """Money comes in as a debit, revenue and tax as credits; only corrections go both ways."""
    debited = {GlAccount.CASH, GlAccount.CARD_CLEARING, GlAccount.BANK}
    credited = {GlAccount.REVENUE, GlAccount.TAX_PAYABLE, GlAccount.CUSTOMER_CREDIT}
    for event in of(world_of(history), Posted):
        for posting in event.postings:
            assert not (posting.gl_account in debited and posting.amount_minor < 0)
            taken_back = isinstance(event, ChargeReversed)
            assert not (posting.gl_account in credited and posting.amount_minor > 0) or taken_back
