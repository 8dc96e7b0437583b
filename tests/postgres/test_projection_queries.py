"""What the read models answer about accounts, invoices and payments, to one tenant."""

import pytest

from contracts.adjustment import Direction
from contracts.statement import DeliveryChannel
from contracts.views import InvoiceStatus
from projections.account_balances_queries import find_account, find_accounts
from projections.cursor import CursorInvalid, encode_cursor
from projections.general_ledger_queries import account_ledger, trial_balance
from projections.invoices_queries import find_invoice, find_invoices
from projections.payments_queries import find_payment, find_payments
from tests.fixtures.ledger_events import LedgerEvents
from tests.fixtures.read_models import ReadModels, books, usd


async def test_an_account_shows_what_is_owed_and_how_that_came_about(
    read_models: ReadModels,
) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    for _ in range(3):
        ledger.charge(account, 10_000, 725)
    invoice_id = ledger.draft(account)
    ledger.issue(account, invoice_id)
    ledger.charge(account, 500, 0)
    ledger.pay(account, 20_000)
    ledger.adjust(account, invoice_id, 2_000)
    ledger.adjust(account, None, 300, Direction.DEBIT)
    ledger.pay(account, 15_000)
    async with books(read_models, ledger) as connection:
        found = await find_account(connection, account.account_id)
        assert found is not None
        assert (found.charged, found.paid, found.adjusted) == (
            usd("326.75"),
            usd("350.00"),
            usd("17.00"),
        )
        assert (found.receivable, found.credit) == (usd("8.00"), usd("48.25"))
        assert found.balance == usd("-40.25")
        assert (found.open_charges, found.status, found.version) == (1, "open", 12)
        assert found.name is not None
        assert found.name.sealed == "sealed-pat-1"
        assert await find_account(connection, "acc_none") is None


async def test_accounts_are_found_by_patient_and_page_by_page(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    for number in range(5):
        ledger.open_account(f"pat-{number}")
    ledger.open_account("pat-3", currency="GEL")
    ledger.open_account("pat-3", tenant="other")
    async with books(read_models, ledger) as connection:
        found = await find_accounts(connection, patient_id="pat-3")
        assert sorted(account.currency for account in found.items) == ["GEL", "USD"]
        seen, cursor = [], None
        for _ in range(3):
            page = await find_accounts(connection, limit=2, cursor=cursor)
            seen += [account.account_id for account in page.items]
            cursor = page.cursor
        assert cursor is None
        assert seen == sorted(set(seen))
        assert len(seen) == 6


async def test_an_invoice_shows_its_lines_and_what_settled_it(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    for number in range(5):
        ledger.charge(account, 1_000 * (number + 1), 0)
    invoice_id = ledger.draft(account, lines_per_event=2)
    ledger.issue(account, invoice_id)
    payment_id = ledger.pay(account, 9_000)
    adjustment_id = ledger.adjust(account, invoice_id, 6_000)
    async with books(read_models, ledger) as connection:
        detail = await find_invoice(connection, invoice_id)
        assert detail is not None
        assert [line.line for line in detail.lines] == [1, 2, 3, 4, 5]
        assert [line.net.minor for line in detail.lines] == [1_000, 2_000, 3_000, 4_000, 5_000]
        assert [(part.payment_id, part.amount) for part in detail.payments] == [
            (payment_id, usd("90.00"))
        ]
        assert [(part.adjustment_id, part.amount) for part in detail.adjustments] == [
            (adjustment_id, usd("60.00"))
        ]
        invoice = detail.invoice
        assert (invoice.status, invoice.outstanding) == (InvoiceStatus.PAID, usd("0.00"))
        assert (invoice.total, invoice.line_count) == (usd("150.00"), 5)
        assert (detail.settled_by, invoice.version) == (adjustment_id, 5)
        assert await find_invoice(connection, "inv_none") is None


async def test_an_invoice_shows_what_was_done_to_have_it_paid(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    ledger.charge(account, 10_000, 0)
    invoice_id = ledger.draft(account)
    issued = ledger.issue(account, invoice_id)
    pursued = [
        ledger.pursue(account, invoice_id, 7, DeliveryChannel.EMAIL),
        ledger.pursue(account, invoice_id, 60, None),
    ]
    async with books(read_models, ledger) as connection:
        detail = await find_invoice(connection, invoice_id)
        assert detail is not None
        assert [(each.day, each.channel, each.delivery_id) for each in detail.reminders] == [
            (7, DeliveryChannel.EMAIL, f"{invoice_id}-7"),
            (60, None, None),
        ]
        assert [each.recorded_at for each in detail.reminders] == [
            each.recorded_at for each in pursued
        ]
        assert {each.outstanding for each in detail.reminders} == {usd("100.00")}
        # A reminder is an event of the invoice: its version and its ETag are others by it.
        assert detail.invoice.version == pursued[-1].version == issued.version + 2
        assert detail.invoice.position == pursued[-1].position


async def test_invoices_are_found_by_account_status_and_day_of_issue(
    read_models: ReadModels,
) -> None:
    ledger = LedgerEvents()
    accounts = [ledger.open_account(f"pat-{number}") for number in range(2)]
    drafted = []
    for number in range(9):
        account = accounts[number % 2]
        for _ in range(10):
            ledger.charge(account, 100, 0)
        drafted.append(ledger.draft(account))
        if number != 8:
            ledger.issue(account, drafted[-1])
        if number < 4:
            ledger.pay(account, 1_000)
    async with books(read_models, ledger) as connection:
        page = await find_invoices(connection, limit=4)
        rest = await find_invoices(connection, limit=9, cursor=page.cursor)
        found = [invoice.invoice_id for invoice in (*page.items, *rest.items)]
        assert found == drafted[::-1]
        assert rest.cursor is None
        mine = await find_invoices(connection, account_id=accounts[1].account_id)
        assert [invoice.invoice_id for invoice in mine.items] == drafted[7::-2]
        for status, count in ((InvoiceStatus.PAID, 4), (InvoiceStatus.DRAFT, 1)):
            assert len((await find_invoices(connection, status=status)).items) == count
        both = await find_invoices(
            connection, account_id=accounts[0].account_id, status=InvoiceStatus.ISSUED
        )
        assert [invoice.invoice_id for invoice in both.items] == [drafted[6], drafted[4]]
        days = sorted({item.issued_on for item in rest.items if item.issued_on})
        dated = await find_invoices(connection, date_from=days[0], date_to=days[0])
        assert {invoice.issued_on for invoice in dated.items} == {days[0]}


async def test_payments_are_found_latest_first_with_their_allocations(
    read_models: ReadModels,
) -> None:
    ledger = LedgerEvents()
    account, other = ledger.open_account("pat-1"), ledger.open_account("pat-2")
    for _ in range(2):
        ledger.charge(account, 1_000, 0)
        ledger.issue(account, ledger.draft(account))
    payments = [ledger.pay(account, 1_500), ledger.pay(other, 700), ledger.pay(account, 900)]
    async with books(read_models, ledger) as connection:
        page = await find_payments(connection, limit=2)
        rest = await find_payments(connection, limit=2, cursor=page.cursor)
        assert [found.payment_id for found in (*page.items, *rest.items)] == payments[::-1]
        first = await find_payment(connection, payments[0])
        assert first is not None
        assert [part.amount for part in first.allocations] == [usd("10.00"), usd("5.00")]
        assert (first.allocated, first.credited) == (usd("15.00"), usd("0.00"))
        assert page.items[0].credited == usd("4.00")
        mine = await find_payments(connection, account_id=other.account_id)
        assert [found.payment_id for found in mine.items] == [payments[1]]
        assert await find_payment(connection, "pay_none") is None


async def test_a_reader_finds_nothing_of_another_tenant(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1", tenant="other")
    ledger.charge(account)
    invoice_id = ledger.draft(account)
    ledger.issue(account, invoice_id)
    payment_id = ledger.pay(account, 100)
    async with books(read_models, ledger) as connection:
        assert await find_account(connection, account.account_id) is None
        assert (await account_ledger(connection, account.account_id)).items == ()
        assert await find_invoice(connection, invoice_id) is None
        assert await find_payment(connection, payment_id) is None
        assert (await find_invoices(connection)).items == ()
        assert (await trial_balance(connection)).rows == ()


async def test_a_cursor_of_another_query_is_refused(read_models: ReadModels) -> None:
    async with books(read_models, ledger_of_one()) as connection:
        foreign = encode_cursor("payments", 7)
        for cursor in (foreign, "nonsense", encode_cursor("invoices", "7")):
            with pytest.raises(CursorInvalid):
                await find_invoices(connection, cursor=cursor)
        with pytest.raises(CursorInvalid):
            await account_ledger(connection, "acc_1", cursor=encode_cursor("ledger", 1))


def ledger_of_one() -> LedgerEvents:
    ledger = LedgerEvents()
    ledger.charge(ledger.open_account("pat-1"))
    return ledger
