"""Lines of a claim: whatever they cost, they sum to the submitted total or are refused."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.fhir_lines import line_prices
from services.intake.fhir_problem import FhirUnreadable
from services.intake.fhir_resources import Amount, Item

amounts = st.integers(0, 10**9).map(lambda value: Decimal(value).scaleb(-5))


@given(st.lists(amounts, min_size=1, max_size=40), st.sampled_from(["USD", "JPY", "BHD"]))
@example([Decimal("0.006")] * 10, "USD")
@example([Decimal("0.005")] * 7, "USD")
def test_lines_that_agree_with_the_total_sum_to_it_within_a_unit_each(
    nets: Sequence[Decimal], currency: str
) -> None:
    total = Amount(value=sum(nets, Decimal()), currency=currency)
    items = [
        Item(sequence=index, net=Amount(value=net, currency=currency))
        for index, net in enumerate(nets)
    ]
    digits = {"USD": 2, "JPY": 0, "BHD": 3}[currency]
    lines = line_prices(items, total)
    assert sum(lines) == int(total.value.scaleb(digits).to_integral_value(ROUND_HALF_EVEN))
    for line, net in zip(lines, nets, strict=True):
        assert line >= 0
        assert abs(line - net.scaleb(digits)) < 1 or line == net.scaleb(digits)


@given(st.lists(st.none() | amounts, min_size=1, max_size=40), amounts)
def test_lines_sum_to_the_total_or_the_claim_is_refused(
    nets: Sequence[Decimal | None], total: Decimal
) -> None:
    items = [
        Item(sequence=index, net=None if net is None else Amount(value=net, currency="USD"))
        for index, net in enumerate(nets)
    ]
    try:
        lines = line_prices(items, Amount(value=total, currency="USD"))
    except FhirUnreadable:
        known = sum((net for net in nets if net is not None), Decimal())
        assert known > total or None not in nets  # either outcome can be right
    else:
        assert sum(lines) == int(total.scaleb(2).to_integral_value(ROUND_HALF_EVEN))
        assert min(lines) >= 0
