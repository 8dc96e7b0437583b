"""The revenue of any period is the sum of its postings, and the books tie."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.money import Money
from contracts.reports import Revenue, RevenueFigures
from projections.general_ledger_queries import trial_balance
from projections.projection import REGISTRY
from projections.recorded import Recorded
from projections.revenue_queries import days_in_receivables, revenue
from tests.fixtures.ledger_events import STARTED_ON
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.report_oracle import FACILITIES, TENANTS, revenue_of, scattered, with_clinic

FIGURES = ("captured", "tax", "adjusted", "collected", "outstanding", "credit")
DAYS = st.integers(-5, 400).map(lambda days: STARTED_ON + timedelta(days=days))


@cache
def log() -> list[Recorded]:
    """One for all examples: what varies is what is asked. It is made by who needs it, not by every
    process that collects tests."""
    return with_clinic(scattered(history(11, 900), 11), 11)


@pytest.fixture
async def filled(read_models: ReadModels) -> ReadModels:
    await read_models.write_log(log())
    await read_models.catch_up(len(log()), REGISTRY)
    return read_models


def figures_of(figures: RevenueFigures) -> Counter[str]:
    return Counter({name: getattr(figures, name).minor for name in FIGURES})


def by_place(found: Revenue) -> dict[tuple[str, str], Counter[str]]:
    return {(row.facility, row.currency): figures_of(row) for row in found.rows}


def without_zeros(found: dict[Any, Counter[str]]) -> dict[Any, dict[str, int]]:
    some = {key: {name: n for name, n in sums.items() if n} for key, sums in found.items()}
    return {key: sums for key, sums in some.items() if sums}


@given(days=st.tuples(DAYS, DAYS).map(sorted), tenant=st.sampled_from(TENANTS))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_revenue_is_the_sum_of_the_postings(
    filled: ReadModels, days: list[date], tenant: str
) -> None:
    first, last = days
    expected = revenue_of(log(), tenant, first, last)
    async with filled.reader(tenant) as connection:
        found = await revenue(connection, booked_from=first, booked_to=last)
        assert without_zeros(by_place(found)) == without_zeros(expected)
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        for (_, currency), sums in expected.items():
            totals[currency].update(sums)
        assert without_zeros(
            {currency: figures_of(row) for currency, row in found.totals.items()}
        ) == without_zeros(totals)
        one = await revenue(connection, booked_from=first, booked_to=last, facility=FACILITIES[0])
        assert one.rows == tuple(row for row in found.rows if row.facility == FACILITIES[0])


async def test_what_was_earned_and_not_received_is_what_more_is_owed(filled: ReadModels) -> None:
    middle = STARTED_ON + timedelta(days=200)
    async with filled.reader("demo") as connection:
        before = await revenue(connection, booked_from=date.min, booked_to=middle)
        after = await revenue(
            connection, booked_from=middle + timedelta(days=1), booked_to=date.max
        )
        books = await trial_balance(connection, booked_from=middle + timedelta(days=1))
    opening = {key: sums["outstanding"] - sums["credit"] for key, sums in by_place(before).items()}
    for key, sums in by_place(after).items():
        closing = sums["outstanding"] - sums["credit"]
        earned = sums["captured"] + sums["tax"] - sums["adjusted"] - sums["collected"]
        assert closing - opening.get(key, 0) == earned
    turnover = {(str(row.gl_account), row.currency): row.balance for row in books.rows}
    for currency, row in after.totals.items():
        assert Money(amount=turnover["1030", currency], currency=currency) == row.collected
        assert Money(amount=turnover["4900", currency], currency=currency) == row.adjusted


async def test_the_trial_balance_of_a_facility_is_zero_and_all_of_them_are_the_whole(
    filled: ReadModels,
) -> None:
    async with filled.reader("demo") as connection:
        whole = await trial_balance(connection)
        parts = [await trial_balance(connection, facility=name) for name in FACILITIES]
    assert all(Decimal(total.balance) == 0 for part in parts for total in part.totals.values())
    for row in whole.rows:
        same = [
            Decimal(other.debit)
            for part in parts
            for other in part.rows
            if (other.gl_account, other.currency) == (row.gl_account, row.currency)
        ]
        assert sum(same) == Decimal(row.debit)


@given(outstanding=st.integers(), charged=st.integers(), days=st.integers(1, 4_000))
def test_days_in_receivables_are_exact_to_a_tenth(
    outstanding: int, charged: int, days: int
) -> None:
    found = days_in_receivables(outstanding, charged, days)
    if charged <= 0:
        assert found is None
    else:
        exact = Fraction(outstanding * days, charged)
        assert found is not None
        assert abs(Fraction(found) - exact) <= Fraction(1, 20)
        assert found[-2] == "."


def test_the_history_is_worth_asking() -> None:
    def booked(log: list[Recorded]) -> set[date]:
        return {item.event.booked_on for item in log if hasattr(item.event, "booked_on")}

    assert max(booked(log())) - min(booked(log())) > timedelta(days=300)
    assert {item.tenant for item in log()} == set(TENANTS)
