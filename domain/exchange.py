"""Exchange rates: which rate counts for a surface on a day, and what an amount comes to by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from contracts.bill import BillSurface
from contracts.money import CurrencyUnsupported as UnknownCurrency
from contracts.money import exponent
from domain.rejections import CurrencyUnsupported

ANY_SURFACE: Final = "*"
_USD_GEL: Final = ("USD", "GEL")
_GEL_USD: Final = ("GEL", "USD")
# What counts where nothing is loaded; of a pair that is missing, the inverse of the other way.
DEFAULTS: Final[Mapping[BillSurface, Mapping[tuple[str, str], str]]] = {
    BillSurface.PERIODS: {_USD_GEL: "2.5", _GEL_USD: "0.4"},
    BillSurface.DATED: {_USD_GEL: "2.65"},
    BillSurface.MONTHLY: {},
}
_SHOWN: Final = Context(prec=12)


class Rate(NamedTuple):
    """What one unit of a currency is worth in another: exactly, and as people read it."""

    exact: Fraction
    text: str


class LoadedRate(NamedTuple):
    """A rate of the tenant's own; its last day is inclusive, None an open end."""

    valid_from: date
    valid_to: date | None
    rate: Decimal


RateKey = tuple[str, str, str]
"""Surface (or `*`), currency and the currency that it is exchanged for."""


@dataclass(slots=True)
class Rates:
    """The rates that a tenant has loaded, as far as a batch needs them."""

    loaded: dict[RateKey, Sequence[LoadedRate]] = field(default_factory=dict)

    def find(self, surface: BillSurface, from_: str, into: str, on: date) -> Rate:
        """The rate of a day: the surface's own, then any surface's, then the default; of each
        first the direct one, then the inverse of the other way.

        Raises CurrencyUnsupported.
        """
        if from_ == into:
            return Rate(Fraction(1), "1")
        for name in (surface, ANY_SURFACE):
            rate = self._loaded(name, from_, into, on)
            if rate is not None:
                return rate
        return _default(surface, from_, into)

    def _loaded(self, surface: str, from_: str, into: str, on: date) -> Rate | None:
        direct = self._of_day((surface, from_, into), on)
        if direct is not None:
            return _direct(direct)
        other_way = self._of_day((surface, into, from_), on)
        return None if other_way is None else _inverse(other_way)

    def _of_day(self, key: RateKey, on: date) -> Decimal | None:
        for window in self.loaded.get(key, ()):
            if window.valid_from <= on and (window.valid_to is None or on <= window.valid_to):
                return window.rate
        return None


def rate_keys(surface: BillSurface, from_: str, into: str) -> tuple[RateKey, ...]:
    """What may be loaded for an exchange."""
    return tuple(
        (name, *pair) for name in (surface, ANY_SURFACE) for pair in ((from_, into), (into, from_))
    )


def _default(surface: BillSurface, from_: str, into: str) -> Rate:
    known = DEFAULTS[surface]
    if (from_, into) in known:
        return _direct(Decimal(known[from_, into]))
    if (into, from_) in known:
        return _inverse(Decimal(known[into, from_]))
    try:
        exponent(from_)
    except UnknownCurrency as unknown:
        raise CurrencyUnsupported(str(unknown)) from None
    raise CurrencyUnsupported(
        f"there is no rate from {from_} to {into}: load one, or send the amount in {into}"
    )


def _direct(rate: Decimal) -> Rate:
    return Rate(Fraction(rate), f"{rate:f}")


def _inverse(rate: Decimal) -> Rate:
    return Rate(1 / Fraction(rate), f"{_SHOWN.divide(Decimal(1), rate):f}")
