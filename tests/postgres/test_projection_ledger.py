"""What the general ledger answers: an account's ledger with its balance, the trial balance."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec

from contracts.event import Posted
from contracts.ledger import GlAccount
from contracts.money import MINOR_MAX, Money, format_minor
from contracts.views import LedgerLine
from projections.account_balances_queries import find_account
from projections.general_ledger_queries import account_ledger, trial_balance
from projections.recorded import Recorded
from tests.fixtures.ledger_events import STARTED_ON, LedgerEvents
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels, books, usd


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


async def test_sums_beyond_a_bigint_are_projected_and_read_back_exactly(
    read_models: ReadModels,
) -> None:
    """More than 2^63 in a day over many accounts, and on one that is charged and pays in turn."""
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    turns, great_minor = 1_100, MINOR_MAX - 1
    total_minor = turns * great_minor
    assert total_minor > 2**63
    for _ in range(turns):
        ledger.charge(account, great_minor, 0)
    ledger.adjust(account, None, MINOR_MAX)
    for _ in range(turns):
        ledger.pay(account, great_minor)
    log = [on_one_day(item) for item in ledger.recorded]
    await read_models.write_log(log)
    await read_models.catch_up(len(log))
    total = format_minor(total_minor, "USD")
    async with read_models.reader("demo") as connection:
        found = await find_account(connection, account.account_id)
        assert found is not None
        assert (found.charged.amount, found.paid.amount) == (total, total)
        assert found.receivable.minor == total_minor - MINOR_MAX
        assert found.credit.minor == total_minor
        assert found.balance == Money.of(-MINOR_MAX, "USD")
        trial = await trial_balance(connection)
        by_account = {row.gl_account: row for row in trial.rows}
        assert by_account[GlAccount.RECEIVABLE].debit == total
        assert by_account[GlAccount.REVENUE].credit == total
        assert by_account[GlAccount.BANK].balance == total
        assert trial.totals["USD"].balance == "0.00"
        greatest_minor, cursor = 0, None
        while True:
            page = await account_ledger(connection, account.account_id, limit=500, cursor=cursor)
            greatest_minor = max(greatest_minor, *(line.balance.minor for line in page.items))
            cursor = page.cursor
            if cursor is None:
                break
        assert greatest_minor == total_minor


def on_one_day(item: Recorded) -> Recorded:
    """The same event with one posting date for all: its row of the totals is the greatest."""
    if not isinstance(item.event, Posted):
        return item
    event = msgspec.structs.replace(item.event, booked_on=STARTED_ON)
    return msgspec.structs.replace(item, event=event)
