"""Statements of many accounts at once, against sums over the events that know no SQL."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import pytest

from contracts.account import AccountOpened
from contracts.adjustment import Direction
from contracts.charge import ChargeCaptured
from contracts.event import Posted
from contracts.ledger import GlAccount
from contracts.payment import PaymentMethod
from contracts.statement_views import AccountStatement
from projections.account_statements_queries import find_statement, find_statements
from projections.recorded import Recorded
from tests.fixtures.ledger_events import STARTED_ON, LedgerEvents
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.report_oracle import TENANTS, aging_of, owed_beside, with_clinic

OWED = (GlAccount.RECEIVABLE, GlAccount.CUSTOMER_CREDIT)


def day(number: int) -> date:
    return STARTED_ON + timedelta(days=number)


def accounts_of(recorded: Sequence[Recorded], tenant: str) -> list[str]:
    return [
        item.event.account_id
        for item in recorded
        if item.tenant == tenant and isinstance(item.event, AccountOpened)
    ]


def posted_of(recorded: Sequence[Recorded], account_id: str, last_on: date) -> list[Posted]:
    return [
        item.event
        for item in recorded
        if isinstance(item.event, Posted)
        and item.event.account_id == account_id
        and item.event.booked_on <= last_on
    ]


def owed_minor(event: Posted) -> int:
    return sum(line.amount_minor for line in event.postings if line.gl_account in OWED)


def check(statement: AccountStatement, recorded: Sequence[Recorded], late: Counter[str]) -> None:
    """Against the account's events, and what of it is late by the end of the period."""
    events = posted_of(recorded, statement.account_id, statement.last_on)
    before = [event for event in events if event.booked_on < statement.first_on]
    within = sorted(
        (event for event in events if event.booked_on >= statement.first_on),
        key=lambda event: event.booked_on,
    )
    assert statement.opening.minor == sum(map(owed_minor, before))
    assert statement.closing.minor == sum(map(owed_minor, events))
    shown = [owed_minor(event) for event in within if owed_minor(event) or len(event.postings) == 1]
    assert [line.amount.minor for line in statement.lines if line.amount.minor] == [
        minor for minor in shown if minor
    ]
    assert statement.charged.minor - statement.credited.minor == sum(shown)
    balance_minor = statement.opening.minor
    for line in statement.lines:
        balance_minor += line.amount.minor
        assert line.balance.minor == balance_minor
    assert balance_minor == statement.closing.minor
    ageing, beside = statement.ageing, owed_beside(events, statement.last_on)
    for name in ("days_1_30", "days_31_60", "days_61_90", "days_over_90"):
        assert getattr(ageing, name).minor == late[name] + beside[name]
    assert ageing.credit.minor == late["credit"]
    parts = (ageing.current, ageing.days_1_30, ageing.days_31_60, ageing.days_61_90)
    owed = sum(part.minor for part in (*parts, ageing.days_over_90))
    assert owed - ageing.credit.minor == statement.closing.minor


@pytest.mark.parametrize("seed", [1, 2])
async def test_statements_of_all_accounts_are_the_sums_of_their_events(
    read_models: ReadModels, seed: int
) -> None:
    recorded = with_clinic(history(seed, 500), seed)
    await read_models.write_log(recorded)
    await read_models.catch_up(len(recorded))
    seen = Counter[str]()
    for tenant in TENANTS:
        wanted = accounts_of(recorded, tenant)
        async with read_models.reader(tenant) as connection:
            for first, last in ((0, 300), (3, 6), (5, 5), (200, 210), (0, 40), (-9, -1)):
                found = await find_statements(connection, wanted, day(first), day(last))
                assert [statement.account_id for statement in found] == wanted
                aged = aging_of(recorded, tenant, day(last), booked_to=day(last))
                for statement in found:
                    check(statement, recorded, aged[statement.account_id][2])
                    seen["late"] += statement.ageing.days_1_30.minor != 0
                    seen["lines"] += len(statement.lines)
                    seen["opening"] += statement.opening.minor != 0
    assert min(seen[name] for name in ("late", "lines", "opening")) > 0


async def test_what_is_owed_on_no_invoice_is_due_on_its_day(read_models: ReadModels) -> None:
    """Of 3.00, 2.00 and 1.00 the first is paid, and half of the second."""
    ledger, days = LedgerEvents(), dict[str, date]()
    account = ledger.open_account("pat-1")
    for booked_on, minor, direction in (
        (day(0), 300, Direction.DEBIT),
        (day(50), 200, Direction.DEBIT),
        (day(60), 400, Direction.CREDIT),
        (day(80), 100, Direction.DEBIT),
    ):
        days[ledger.adjust(account, None, minor, direction)] = booked_on
    recorded = [
        msgspec.structs.replace(
            item, event=msgspec.structs.replace(item.event, booked_on=days[item.stream_id])
        )
        if item.stream_id in days
        else item
        for item in ledger.recorded
    ]
    await read_models.write_log(recorded)
    await read_models.catch_up(len(recorded))
    async with read_models.reader("demo") as connection:
        found = await find_statement(connection, account.account_id, day(0), day(81))
    assert found is not None
    ageing = found.ageing
    assert found.due_on == day(50)
    assert (ageing.days_1_30.minor, ageing.days_31_60.minor) == (100, 100)
    assert (ageing.current.minor, ageing.days_61_90.minor, found.closing.minor) == (0, 0, 200)
    check(found, recorded, Counter())


async def test_a_line_says_what_was_done_and_how_it_was_paid(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    ledger.charge(account, 10_000, 725)
    ledger.issue(account, ledger.draft(account))
    ledger.pay(account, 20_000)
    await read_models.write_log(ledger.recorded)
    await read_models.catch_up(len(ledger.recorded))
    async with read_models.reader("demo") as connection:
        found = await find_statement(connection, account.account_id, day(0), day(9))
        assert found is not None
        charge, payment = found.lines
        assert (charge.code, charge.quantity, charge.amount.amount) == ("99213", 1, "107.25")
        assert (payment.method, payment.amount.amount) == (PaymentMethod.BANK, "-200.00")
        assert (found.closing.amount, found.ageing.credit.amount) == ("-92.75", "92.75")
        assert found.name is not None
        assert found.name.subject == "pat-1"
    async with read_models.reader("other") as connection:
        assert await find_statement(connection, account.account_id, day(0), day(9)) is None
    captured = [item for item in ledger.recorded if isinstance(item.event, ChargeCaptured)]
    assert charge.position == captured[0].position
