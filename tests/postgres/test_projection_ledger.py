"""What the general ledger answers: an account's ledger with its balance, the trial balance."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal

from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.views import LedgerLine
from projections.account_balances_queries import find_account
from projections.general_ledger_queries import account_ledger, trial_balance
from projections.statements import AnyConnection
from tests.fixtures.ledger_events import STARTED_ON, LedgerEvents
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels


@asynccontextmanager
async def books(
    read_models: ReadModels, ledger: LedgerEvents, tenant: str = "demo"
) -> AsyncIterator[AnyConnection]:
    await read_models.write_log(ledger.recorded)
    await read_models.catch_up(len(ledger.recorded))
    async with read_models.reader(tenant) as connection:
        yield connection


def usd(amount: str) -> Money:
    return Money(amount=amount, currency="USD")


async def test_the_ledger_of_an_account_has_a_running_balance_across_its_pages(
    read_models: ReadModels,
) -> None:
    ledger = LedgerEvents()
    account, noise = ledger.open_account("pat-1"), ledger.open_account("pat-2")
    for number in range(6):
        ledger.charge(account, 1_000 + number, 0)
        ledger.charge(noise)
    ledger.issue(account, ledger.draft(account))
    ledger.pay(account, 10_000)
    async with books(read_models, ledger) as connection:
        lines: list[LedgerLine] = []
        cursor = None
        while True:
            page = await account_ledger(connection, account.account_id, limit=3, cursor=cursor)
            lines += page.items
            cursor = page.cursor
            if cursor is None:
                break
        balance_minor = 0
        for line in lines:
            balance_minor += line.amount.minor
            assert line.balance.minor == balance_minor
        assert [line.gl_account for line in lines[-2:]] == [
            GlAccount.RECEIVABLE,
            GlAccount.CUSTOMER_CREDIT,
        ]
        assert lines[-1].balance == usd("-39.85")
        assert [(line.position, line.line) for line in lines] == sorted(
            (line.position, line.line) for line in lines
        )
        found = await find_account(connection, account.account_id)
        assert found is not None
        assert found.balance == lines[-1].balance
        assert (await account_ledger(connection, "acc_none")).items == ()


async def test_the_trial_balance_is_straight_in_every_currency_and_period(
    read_models: ReadModels,
) -> None:
    log = history(3, 400)
    await read_models.write_log(log)
    await read_models.catch_up(len(log))
    async with read_models.reader("demo") as connection:
        whole = await trial_balance(connection)
        assert whole.position == len(log)
        assert {total.currency for total in whole.totals.values()} == {"USD", "JPY"}
        assert all(Decimal(total.balance) == 0 for total in whole.totals.values())
        assert all(total.debit == total.credit for total in whole.totals.values())
        day = STARTED_ON + timedelta(days=3)
        before = await trial_balance(connection, booked_to=day)
        after = await trial_balance(connection, booked_from=day + timedelta(days=1))
        for row in whole.rows:
            parts = [
                Money(amount=part.balance, currency=part.currency).minor
                for period in (before, after)
                for part in period.rows
                if (part.gl_account, part.currency) == (row.gl_account, row.currency)
            ]
            assert sum(parts) == Money(amount=row.balance, currency=row.currency).minor
        assert (await trial_balance(connection, booked_to=date(2000, 1, 1))).rows == ()
