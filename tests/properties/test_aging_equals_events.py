"""Ageing of any history, as of any day, is the sum of its events, and ties to the books."""

from collections import Counter
from datetime import date, timedelta
from functools import cache
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.reports import AgedAccount, AgedAccounts, AgedBalance, AgingReport
from projections.account_balances_queries import find_account, find_accounts
from projections.aging import Asked, find_aged_accounts, find_reports, refresh
from projections.aging_rows import BUCKETS, LocalDates
from projections.projection import REGISTRY
from projections.recorded import Recorded
from projections.revenue_queries import revenue
from services.tenant_view import tenant_view
from tests.fixtures.databases import Database
from tests.fixtures.ledger_events import STARTED_ON
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.report_oracle import FACILITIES, TENANTS, aging_of, scattered, with_clinic

DAYS = st.integers(-5, 400).map(lambda days: STARTED_ON + timedelta(days=days))


@cache
def log() -> list[Recorded]:
    """One for all examples: what varies is what is asked. It is made by who needs it, not by every
    process that collects tests."""
    return with_clinic(scattered(history(12, 700), 12), 12)


@pytest.fixture
async def filled(read_models: ReadModels) -> ReadModels:
    await read_models.write_log(log())
    await read_models.catch_up(len(log()), REGISTRY)
    return read_models


@pytest.fixture
async def reporters(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_reporter", 2)


def buckets_of(found: Any) -> Counter[str]:
    return Counter({name: getattr(found, name).minor for name in BUCKETS})


@given(day=DAYS, elsewhere=DAYS, tenant=st.sampled_from(TENANTS))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_what_an_account_owes_is_aged_by_the_day_at_its_facility(
    filled: ReadModels, day: date, elsewhere: date, tenant: str
) -> None:
    dates = LocalDates(elsewhere=elsewhere, at={FACILITIES[0]: day})
    here, there = aging_of(log(), tenant, day), aging_of(log(), tenant, elsewhere)
    async with filled.reader(tenant) as connection:
        page = await find_accounts(connection, today=dates, limit=500)
        one = await find_account(connection, page.items[-1].account_id, today=dates)
    assert page.items[-1] == one
    assert {account.account_id for account in page.items} == here.keys()
    for account in page.items:
        expected = here if account.facility == FACILITIES[0] else there
        _, _, sums = expected[account.account_id]
        aging = account.aging
        assert aging.as_of == dates.of(account.facility)
        assert buckets_of(aging) == Counter({name: sums[name] for name in BUCKETS})
        assert sums["credit"] == account.credit.minor
        assert sum(buckets_of(aging).values()) == account.receivable.minor


@given(days=st.tuples(DAYS, DAYS, DAYS), tenant=st.sampled_from(TENANTS))
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_an_ageing_report_is_the_sum_of_what_was_booked_until_its_day(
    filled: ReadModels, reporters: asyncpg.Pool, days: tuple[date, ...], tenant: str
) -> None:
    asked = [Asked(name, day, "UTC") for name, day in zip(FACILITIES, days, strict=True)]
    async with tenant_view(reporters, tenant) as connection:
        await refresh(connection, asked)
    async with filled.reader(tenant) as connection:
        for facility, as_of, _ in asked:
            found = await find_reports(connection, facility=facility, as_of=as_of)
            accounts = await find_aged_accounts(
                connection, facility=facility, as_of=as_of, limit=500
            )
            assert found is not None
            assert accounts is not None
            [report] = found.reports.reports
            check_report(report, accounts, aging_of(log(), tenant, as_of, booked_to=as_of))


def check_report(
    report: AgingReport,
    accounts: AgedAccounts,
    expected: dict[str, tuple[str, str, Counter[str]]],
) -> None:
    kept = {
        account_id: (currency, {name: n for name, n in sums.items() if n})
        for account_id, (facility, currency, sums) in expected.items()
        if facility == report.facility
    }
    found = {
        account.account_id: (account.currency, {n: m for n, m in aged(account).items() if m})
        for account in accounts.items
    }
    # One whose items cancel out within a bucket is listed, and nothing is in its buckets.
    assert {key: value for key, value in found.items() if value[1]} == {
        key: value for key, value in kept.items() if value[1]
    }
    assert all(account.balance.minor == balance_of(aged(account)) for account in accounts.items)
    for total in report.totals:
        of_currency = [item for item in accounts.items if item.currency == total.currency]
        assert aged(total) == total_of(of_currency)
        assert (total.accounts, total.balance.minor) == (len(of_currency), balance_of(aged(total)))
    assert {total.currency for total in report.totals} == {a.currency for a in accounts.items}
    assert report.position == accounts.position == len(log())


def total_of(items: list[AgedAccount]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for item in items:
        sums.update(aged(item))
    return sums


def aged(found: AgedBalance) -> Counter[str]:
    sums = buckets_of(found)
    sums["credit"] = found.credit.minor
    return sums


def balance_of(sums: Counter[str]) -> int:
    return sum(sums[name] for name in BUCKETS) - sums["credit"]


async def test_the_sub_ledger_is_the_general_ledger_at_the_end_of_every_day(
    filled: ReadModels, reporters: asyncpg.Pool
) -> None:
    for days in range(0, 400, 40):
        as_of = STARTED_ON + timedelta(days=days)
        async with tenant_view(reporters, "demo") as connection:
            await refresh(connection, [Asked(name, as_of, "UTC") for name in FACILITIES])
        async with filled.reader("demo") as connection:
            found = await find_reports(connection, as_of=as_of)
            books = await revenue(connection, booked_from=as_of, booked_to=as_of)
        assert found is not None
        balances: Counter[str] = Counter()
        for report in found.reports.reports:
            for total in report.totals:
                balances[total.currency] += total.balance.minor
        for currency, row in books.totals.items():
            assert balances[currency] == row.outstanding.minor - row.credit.minor
