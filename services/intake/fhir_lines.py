"""What the lines of a claim cost, so that they add up to its submitted total to the minor unit."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from contracts.money import MoneyInvalid, exponent, round_minor
from services.intake.fhir_problem import FhirUnreadable
from services.intake.fhir_resources import Amount, Item


def rounded(amount: Amount, currency: str, name: str) -> int:
    """An amount in minor units, half-even; raises FhirUnreadable if it is not zero or more."""
    if amount.currency != currency:
        raise FhirUnreadable(
            f"{name} is in {amount.currency}, the claim in {currency}",
            "write a claim in one currency",
        )
    try:
        minor = round_minor(amount.value, currency)
    except (MoneyInvalid, ArithmeticError) as error:
        what = f"{name} {amount.value} {currency} is no amount ({error})"
        raise FhirUnreadable(what, "correct it") from error
    if minor < 0:
        raise FhirUnreadable(
            f"{name} {amount.value} is negative", "send a correction, not a negative claim"
        )
    return minor


def line_prices(items: Sequence[Item], total: Amount) -> list[int]:
    """The price of each line in minor units, 0 where it has none; they sum to the rounded total.

    A line costs its `net`; the first without one takes what is left of the total. Where nothing is
    left to take, or no line to take it, but the exact amounts agree, the difference comes from
    rounding line by line: the lines that were rounded furthest take their other neighbour instead,
    so every line stays within one unit of its `net`. Anything else contradicts itself.
    """
    currency = total.currency
    total_minor = rounded(total, currency, "the submitted total")
    prices = [
        0 if item.net is None else rounded(item.net, currency, f"net of item {item.sequence}")
        for item in items
    ]
    gap = total_minor - sum(prices)
    unpriced = next((index for index, item in enumerate(items) if item.net is None), None)
    if gap > 0 and unpriced is not None:
        prices[unpriced] = gap
    elif gap:
        nets = {index: item.net.value for index, item in enumerate(items) if item.net is not None}
        _check_rounding_explains(nets.values(), total)
        _take_other_neighbours(prices, nets, gap, exponent(currency))
    return prices


def _check_rounding_explains(nets: Collection[Decimal], total: Amount) -> None:
    whole = sum(nets, Decimal())
    if not nets or round_minor(total.value - whole, total.currency):
        raise FhirUnreadable(
            f"the items' net sums to {whole}, the submitted total is {total.value}",
            "correct the total or the items, so that they agree",
        )


def _take_other_neighbours(
    prices: list[int], nets: dict[int, Decimal], gap: int, digits: int
) -> None:
    step = 1 if gap > 0 else -1

    def rounded_away(index: int) -> tuple[Decimal, int]:
        return (nets[index].scaleb(digits) - prices[index]) * step, prices[index]

    for index in sorted(nets, key=rounded_away, reverse=True)[: abs(gap)]:
        prices[index] += step
