"""How amounts, digits and dates are written, by language and calendar."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.documents.solar_hijri import is_leap, solar_day
from services.documents.style import Style, style_of

DAY = date(2026, 11, 21)


def style(tag: str, calendar: str = "gregorian") -> Style:
    found = style_of(tag, calendar)  # type: ignore[arg-type]  # one of the two
    assert found is not None
    return found


def shown(text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, "\u2066\u2068\u2069\u200f")))


@pytest.mark.parametrize(
    ("tag", "minor", "currency", "amount", "money"),
    [
        ("en", 123_456_750, "USD", "1,234,567.50", "$1,234,567.50"),
        ("en", -5, "USD", "−0.05", "−$0.05"),
        ("en", 1_234, "JPY", "1,234", "¥1,234"),
        ("en", 1_234, "AFN", "12.34", "AFN\u00a012.34"),
        ("en", 1_234_567, "BHD", "1,234.567", "BHD\u00a01,234.567"),
        ("ps", 123_450, "AFN", "۱٬۲۳۴٫۵۰", "؋\u00a0۱٬۲۳۴٫۵۰"),
        ("prs", -123_450, "AFN", "−۱٬۲۳۴٫۵۰", "؋\u00a0−۱٬۲۳۴٫۵۰"),
        ("ar", 123_450, "USD", "١٬٢٣٤٫٥٠", "١٬٢٣٤٫٥٠\u00a0US$"),
        ("ar-AE", 123_450, "USD", "1,234.50", "1,234.50\u00a0US$"),
    ],
)
def test_an_amount_has_the_currencys_digits_in_the_languages_own(
    tag: str, minor: int, currency: str, amount: str, money: str
) -> None:
    assert shown(style(tag).amount(minor, currency)) == amount
    assert shown(style(tag).money(minor, currency)) == money


@pytest.mark.parametrize("tag", ["en", "en-IN", "ps", "prs", "fa", "ar", "ar-AE", "ar-MA", "en-ZA"])
def test_amounts_are_grouped_as_babel_groups_them(tag: str) -> None:
    for minor in (0, 5, -99, 100_000, 123_456_789_012, -999_999_999):
        by_babel = style(tag).decimal(Decimal(minor).scaleb(-2), "#,##0.00")
        if tag == "en-IN":
            by_babel = style(tag).decimal(Decimal(minor).scaleb(-2), "#,##,##0.00")
        assert shown(style(tag).amount(minor, "USD")) == by_babel


@pytest.mark.parametrize(
    ("tag", "calendar", "long", "short"),
    [
        ("en", "gregorian", "November 21, 2026", "Nov 21, 2026"),
        ("en-GB", "gregorian", "21 November 2026", "21 Nov 2026"),
        ("prs", "gregorian", "۲۱ نومبر ۲۰۲۶", "۲۰۲۶/۱۱/۲۱"),
        ("prs", "solar_hijri", "۳۰ عقرب ۱۴۰۵", "۱۴۰۵/۸/۳۰"),
        ("ps", "solar_hijri", "۳۰ لړم ۱۴۰۵", "۱۴۰۵/۸/۳۰"),
        ("ar", "gregorian", "٢١ نوفمبر ٢٠٢٦", "٢١/١١/٢٠٢٦"),
        ("en", "solar_hijri", "November 21, 2026", "Nov 21, 2026"),
    ],
)
def test_a_day_is_written_by_language_and_calendar(
    tag: str, calendar: str, long: str, short: str
) -> None:
    assert shown(style(tag, calendar).day(DAY)) == long
    assert shown(style(tag, calendar).short_day(DAY)) == short


def test_a_figure_runs_from_left_to_right_among_words_that_do_not() -> None:
    assert style("ps").amount(-5, "AFN") == "\u2066−۰٫۰۵\u2069"
    assert style("ps").foreign("] ABC-1").startswith("\u2068")
    assert style("en").amount(-5, "AFN") == "−0.05"
    assert style("en").foreign("شركة").startswith("\u2068")


@pytest.mark.parametrize(
    ("gregorian", "solar"),
    [
        (date(1943, 3, 21), (1321, 12, 30)),
        (date(1979, 2, 11), (1357, 11, 22)),
        (date(2017, 3, 20), (1395, 12, 30)),
        (date(2021, 3, 20), (1399, 12, 30)),
        (date(2024, 3, 20), (1403, 1, 1)),
        (date(2025, 3, 20), (1403, 12, 30)),
        (date(2025, 3, 21), (1404, 1, 1)),
        (DAY, (1405, 8, 30)),
    ],
)
def test_known_days_of_the_solar_calendar(gregorian: date, solar: tuple[int, int, int]) -> None:
    assert solar_day(gregorian) == solar


def test_every_day_of_two_centuries_follows_the_day_before() -> None:
    before = solar_day(date(1900, 1, 1))
    assert before is not None
    for count in range(1, 73_000):
        day = solar_day(date(1900, 1, 1) + timedelta(days=count))
        assert day is not None
        year, month, last = before
        length = 31 if month <= 6 else 30 if month <= 11 or is_leap(year) else 29
        following = (year, month, last + 1)
        if last == length:
            following = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)
        assert day == following
        before = day
    assert solar_day(date(1700, 1, 1)) is None
