"""The read models say of every history what the write side says, though neither reads the other."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from contracts.event import Posted
from contracts.invoice import InvoiceVoided
from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.payment import PaymentPosted
from contracts.views import InvoiceStatus
from domain.write_side import UNALLOCATED, ItemKind
from projections.account_balances_queries import find_account
from projections.general_ledger_queries import account_ledger, trial_balance
from projections.invoices_queries import find_invoices
from projections.payments_queries import find_payment
from projections.projection import REGISTRY
from projections.statements import AnyConnection
from tests.fixtures.commands import taxed_histories
from tests.fixtures.ledger_log import EventLog
from tests.fixtures.read_models import ReadModels
from tests.fixtures.world import World

tenants = (f"tenant{number}" for number in itertools.count())


def minor(amount: str, currency: str) -> int:
    return Money(amount=amount, currency=currency).minor


@pytest.fixture
def log() -> EventLog:
    """The one log of the database, which every example adds a tenant to."""
    return EventLog()


async def project(read_models: ReadModels, log: EventLog, tenant: str, world: World) -> None:
    """Append the history as a tenant's part of the log, and apply it in batches of a few."""
    added = [log.add(tenant, item.stream_id, item.event) for item in world.events]
    if not added:
        return
    await read_models.write_log(added)
    for projection in REGISTRY:
        async with read_models.follower(projection) as follower:
            for start in range(0, len(added), 7):
                await follower.receive(added[start : start + 7])


async def assert_same(connection: AnyConnection, world: World) -> None:
    for head in world.book.accounts.values():
        found = await find_account(connection, head.account_id)
        assert found is not None
        assert (found.receivable.minor, found.credit.minor, found.version, found.status) == (
            head.receivable_minor,
            head.credit_minor,
            head.version,
            head.status,
        )
        # How it came about adds up to what it is.
        came_minor = found.charged.minor - found.paid.minor - found.adjusted.minor
        assert found.balance.minor == came_minor + found.refunded.minor
        lines = (await account_ledger(connection, head.account_id, limit=500)).items
        balance_minor = head.receivable_minor - head.credit_minor
        assert (lines[-1].balance.minor if lines else 0) == balance_minor
        items = world.book.open_items.get(head.account_id, {})
        beside = items.get((ItemKind.UNALLOCATED, UNALLOCATED))
        beside_minor = beside.outstanding_minor if beside else 0
        assert found.aging.unallocated.minor == beside_minor
        charges = [item for item in items.values() if item.kind is ItemKind.CHARGE]
        assert found.open_charges == len(charges)
        invoices = (await find_invoices(connection, account_id=head.account_id, limit=500)).items
        assert {
            invoice.invoice_id: (invoice.outstanding.minor, invoice.number, invoice.due_on)
            for invoice in invoices
            if invoice.status is InvoiceStatus.ISSUED
        } == {
            item.item_id: (item.outstanding_minor, item.number, item.due_on)
            for item in items.values()
            if item.kind is ItemKind.INVOICE
        }


async def assert_payments_tell(connection: AnyConnection, world: World) -> None:
    """What a payment settled, but on invoices that are void; the rest of it; what may go back."""
    events = [item.event for item in world.events]
    void = {event.invoice_id for event in events if isinstance(event, InvoiceVoided)}
    for event in events:
        if not isinstance(event, PaymentPosted):
            continue
        found = await find_payment(connection, event.payment_id)
        assert found is not None
        assert {(part.invoice_id, part.released) for part in found.allocations} == {
            (part.invoice_id, part.invoice_id in void) for part in event.allocations
        }
        parts = {part.invoice_id: part.amount.minor for part in event.allocations}
        released_minor = sum(parts[invoice_id] for invoice_id in parts.keys() & void)
        # What was owed on no invoice is settled as well, and no void gives that back.
        settled_minor = event.amount.minor - event.credited.minor
        assert found.allocated.minor == settled_minor - released_minor
        assert found.allocated.minor + found.credited.minor == event.amount.minor
        asked = world.book.item(event.account_id, ItemKind.REFUND, event.payment_id)
        asked_minor = asked.outstanding_minor if asked else 0
        assert found.refundable.minor == event.amount.minor - asked_minor
        assert 0 <= found.refunded.minor <= asked_minor


async def assert_books_tie(connection: AnyConnection, world: World) -> None:
    booked: dict[tuple[GlAccount, str], int] = {}
    for item in world.events:
        for posting in item.event.postings if isinstance(item.event, Posted) else ():
            assert isinstance(item.event, Posted)
            key = (posting.gl_account, item.event.currency)
            booked[key] = booked.get(key, 0) + posting.amount_minor
    books = await trial_balance(connection)
    assert booked == {
        (row.gl_account, row.currency): minor(row.balance, row.currency) for row in books.rows
    }
    assert all(minor(total.balance, currency) == 0 for currency, total in books.totals.items())


@given(history=taxed_histories())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_balances_invoices_and_books_are_those_of_the_write_side(
    read_models: ReadModels, log: EventLog, history: Any
) -> None:
    world, tenant = World(), next(tenants)
    world.run(history)
    await project(read_models, log, tenant, world)
    async with read_models.reader(tenant) as connection:
        await assert_same(connection, world)
        await assert_payments_tell(connection, world)
        if world.events:
            await assert_books_tie(connection, world)
