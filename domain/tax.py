"""The tax policy: a rate by facility, code and service date; the event records what was used."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from contracts.money import half_even_ratio

ANY = "*"
_MILLION = 1_000_000


class TaxRule(NamedTuple):
    """A rate in parts per million of the net, within a window (last day inclusive)."""

    rule: str
    facility: str
    code: str
    valid_from: date
    valid_to: date | None
    rate_ppm: int


@dataclass(slots=True)
class TaxRules:
    """The rules of a tenant; no rule means no tax."""

    rules: tuple[TaxRule, ...] = ()

    def find(self, facility: str, code: str, day: date) -> TaxRule | None:
        """The most specific rule in force: by facility and code, by code, by facility, general."""
        if not self.rules:
            return None
        in_force = [rule for rule in self.rules if _applies(rule, facility, code, day)]
        return max(
            in_force, key=lambda rule: (rule.code != ANY, rule.facility != ANY), default=None
        )


def _applies(rule: TaxRule, facility: str, code: str, day: date) -> bool:
    return (
        rule.facility in (facility, ANY)
        and rule.code in (code, ANY)
        and rule.valid_from <= day
        and (rule.valid_to is None or day <= rule.valid_to)
    )


def tax_minor(net_minor: int, rate_ppm: int) -> int:
    """The tax on a net amount, rounded half-even per line."""
    return half_even_ratio(net_minor * rate_ppm, _MILLION) if rate_ppm else 0
