"""The Solar Hijri calendar, by which Afghanistan dates its bills: March equinox to March equinox.

Leap years repeat every 33 years, which agrees with the civil calendar from 1178 to 1633 (1799 to
2255 of the common era): Borkowski, The Persian calendar for 3000 years (1996).
"""

from datetime import date, timedelta
from typing import Final, NamedTuple

FIRST_YEAR: Final = 1178
LAST_YEAR: Final = 1633
# Within 1178 to 1633 leap years repeat every 33 years: 8 of them, at these remainders.
_LEAP_REMAINDERS: Final = frozenset({1, 5, 9, 13, 17, 22, 26, 30})
_EPOCH_YEAR: Final = 1403
_EPOCH_ON: Final = date(2024, 3, 20)  # 1 Hamal 1403
MONTHS_PRS: Final = (
    *("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله"),
    *("میزان", "عقرب", "قوس", "جدی", "دلو", "حوت"),
)
MONTHS_PS: Final = (
    *("وری", "غویی", "غبرګولی", "چنګاښ", "زمری", "وږی"),
    *("تله", "لړم", "لیندۍ", "مرغومی", "سلواغه", "کب"),
)


class SolarDay(NamedTuple):
    """A day of the Solar Hijri calendar; months and days count from 1."""

    year: int
    month: int
    day: int


def is_leap(year: int) -> bool:
    """Whether the last month of the year has 30 days."""
    return year % 33 in _LEAP_REMAINDERS


def solar_day(on: date) -> SolarDay | None:
    """The Solar Hijri day of a Gregorian one; None outside of the years that the rule is for."""
    year = on.year - 621
    if year <= FIRST_YEAR or year > LAST_YEAR:
        return None
    if on < (new_year := _new_year(year)):
        year -= 1
        new_year = _new_year(year)
    passed = (on - new_year).days
    if passed < 186:
        return SolarDay(year, passed // 31 + 1, passed % 31 + 1)
    return SolarDay(year, (passed - 186) // 30 + 7, (passed - 186) % 30 + 1)


def _new_year(year: int) -> date:
    return _EPOCH_ON + timedelta(days=_days_before(year) - _days_before(_EPOCH_YEAR))


def _days_before(year: int) -> int:
    cycles, rest = divmod(year, 33)
    return 365 * year + 8 * cycles + sum(remainder < rest for remainder in _LEAP_REMAINDERS)
