"""Exchange rates and accrual policies: which one counts, and exactly how much."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from contracts.bill import BillSurface
from domain.accrual import AccrualPolicy, StepAccrual, policy_of
from domain.exchange import LoadedRate, RateKey, Rates, rate_keys
from domain.rejections import CurrencyUnsupported
from tests.fixtures.scenario import NOON

DAY = date(2026, 1, 15)


def test_a_currency_is_itself_worth() -> None:
    assert Rates().find(BillSurface.MONTHLY, "JPY", "JPY", DAY).exact == 1


@pytest.mark.parametrize(
    ("surface", "pair", "exact"),
    [
        (BillSurface.PERIODS, ("USD", "GEL"), Fraction(5, 2)),
        (BillSurface.PERIODS, ("GEL", "USD"), Fraction(2, 5)),
        (BillSurface.DATED, ("USD", "GEL"), Fraction(265, 100)),
        (BillSurface.DATED, ("GEL", "USD"), Fraction(100, 265)),
    ],
)
def test_each_surface_has_its_default(
    surface: BillSurface, pair: tuple[str, str], exact: Fraction
) -> None:
    assert Rates().find(surface, *pair, DAY).exact == exact


def test_an_inverse_is_exact_and_written_with_twelve_digits() -> None:
    assert Rates().find(BillSurface.DATED, "GEL", "USD", DAY).text == "0.377358490566"


def test_a_loaded_rate_counts_within_its_days_the_surface_s_own_first() -> None:
    own = LoadedRate(DAY, DAY, Decimal("2.7"))
    any_ = LoadedRate(date(2026, 1, 1), None, Decimal("2.6"))
    loaded: dict[RateKey, Sequence[LoadedRate]] = {
        ("dated", "USD", "GEL"): [own],
        ("*", "USD", "GEL"): [any_],
    }
    rates = Rates(loaded)
    assert rates.find(BillSurface.DATED, "USD", "GEL", DAY).text == "2.7"
    assert rates.find(BillSurface.DATED, "USD", "GEL", DAY + timedelta(days=1)).text == "2.6"
    assert rates.find(BillSurface.DATED, "GEL", "USD", DAY).exact == 1 / Fraction(27, 10)
    assert rates.find(BillSurface.DATED, "USD", "GEL", date(2025, 12, 31)).text == "2.65"
    assert set(loaded) <= set(rate_keys(BillSurface.DATED, "GEL", "USD"))


@pytest.mark.parametrize("from_", ["JPY", "LEK"])
def test_what_has_no_rate_is_refused(from_: str) -> None:
    with pytest.raises(CurrencyUnsupported):
        Rates().find(BillSurface.PERIODS, from_, "USD", DAY)


@pytest.mark.parametrize("times", ["0", "-1", "NaN", "Infinity"])
def test_a_factor_never_takes_back_what_was_added(times: str) -> None:
    with pytest.raises(ValueError, match="more than zero"):
        StepAccrual(times=Decimal(times), after_hours=1)


def test_a_period_counts_more_after_a_day_unless_its_tenant_says_otherwise() -> None:
    later = NOON + timedelta(hours=24)
    policy = policy_of(BillSurface.PERIODS, {})
    assert policy.factor(NOON, later) == 1
    assert policy.factor(NOON, later + timedelta(seconds=1)) == Decimal("2.5")
    chosen = msgspec.json.decode(
        b'{"periods": {"policy": "none"},'
        b' "dated": {"policy": "step", "times": "1.5", "after_hours": 1}}',
        type=dict[str, AccrualPolicy],
    )
    assert policy_of(BillSurface.PERIODS, chosen).factor(NOON, later) is None
    assert policy_of(BillSurface.DATED, chosen) == StepAccrual(times=Decimal("1.5"), after_hours=1)
    assert policy_of(BillSurface.MONTHLY, chosen).factor(NOON, later) is None
