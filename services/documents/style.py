"""How a language writes amounts, digits and dates (CLDR through Babel), and which one is chosen."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_name, get_currency_symbol

from contracts.money import exponent
from services.documents.solar_hijri import MONTHS_PRS, MONTHS_PS, solar_day
from services.documents.texts import clean, figure, foreign
from services.documents.words import LANGUAGES, Language, Words, words_of

Calendar = Literal["gregorian", "solar_hijri"]
MINUS: Final = "\u2212"
_NO_BREAK: Final = "\u00a0"
_DIGITS: Final = {"latn": "0123456789", "arab": "٠١٢٣٤٥٦٧٨٩", "arabext": "۰۱۲۳۴۵۶۷۸۹"}
# The language tag's first part, the words that are printed for it, and Babel's locale.
_TAGS: Final[dict[str, tuple[Language, str]]] = {
    "en": ("en", "en"),
    "ps": ("ps", "ps"),
    "prs": ("prs", "fa_AF"),
    "fa": ("prs", "fa"),
    "ar": ("ar", "ar"),
}
# Bidirectional marks of CLDR's patterns; figures are isolated as a whole instead.
_MARKS: Final = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))


class Style:
    """One language's way of writing, for documents of one calendar."""

    def __init__(self, language: Language, locale: Locale, calendar: Calendar) -> None:
        self.language: Language = language
        self.locale = locale
        self.calendar: Calendar = calendar
        self.words: Words = words_of(language)
        self._numbering = _numbering(locale)
        self.digits = _DIGITS[self._numbering]
        self.separators = _separators(locale)
        self._local = str.maketrans(_DIGITS["latn"], self.digits)

    @property
    def tag(self) -> str:
        """The BCP 47 tag of what is printed."""
        territory = self.locale.territory
        return f"{self.language}-{territory}" if territory else str(self.language)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Where lines begin."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def local(self, text: str) -> str:
        """A text of ours with the digits of this language."""
        return text.translate(self._local)

    def page_of(self) -> tuple[str, str, str]:
        """What stands before, between and behind the number of a page and how many there are."""
        before, _, rest = self.words.page.partition("{page}")
        between, _, behind = rest.partition("{pages}")
        return before, between, behind

    def amount(self, minor: int, currency: str) -> str:
        """An amount as a column has it: all digits of the currency, without its name."""
        return self.figure(self._plain(minor, currency))

    def money(self, minor: int, currency: str) -> str:
        """An amount with its currency, which stands where the language has it."""
        number = self.figure(self._plain(minor, currency))
        symbol = get_currency_symbol(currency, self.locale)
        pattern = self.locale.currency_formats["standard"].pattern
        if not pattern.translate(_MARKS).startswith("¤"):
            return f"{number}{_NO_BREAK}{symbol}"
        space = _NO_BREAK if symbol[-1].isalpha() or f"¤{_NO_BREAK}" in pattern else ""
        if self.direction == "rtl":
            return f"{symbol}{space}{number}"
        sign = MINUS if minor < 0 else ""
        return self.figure(f"{sign}{symbol}{space}{self._plain(abs(minor), currency)}")

    def figure(self, text: str) -> str:
        """A number or a code, kept in its order among words that run from right to left."""
        return figure(text) if self.direction == "rtl" else text

    def foreign(self, text: str) -> str:
        """What somebody else wrote, which may not change the order of the words around it."""
        return clean(text) if self.direction == "ltr" and text.isascii() else foreign(text)

    def currency(self, currency: str) -> str:
        """The currency by name and ISO code."""
        name = get_currency_name(currency, locale=self.locale)
        return currency if name == currency else f"{name} ({currency})"

    def count(self, number: int) -> str:
        """A whole number."""
        return self.figure(self.decimal(Decimal(number), "#,##0"))

    def rate(self, ppm: int) -> str:
        """A tax rate in percent, of parts per million."""
        return self.figure(
            self.decimal(Decimal(ppm) / 10_000, "#,##0.####") + _percent(self.locale)
        )

    def day(self, on: date) -> str:
        """A date in words."""
        solar = solar_day(on) if self.calendar == "solar_hijri" else None
        if solar is None:
            return self.local(format_date(on, "long", self.locale))
        months = MONTHS_PS if self.language == "ps" else MONTHS_PRS
        return self.local(f"{solar.day} {months[solar.month - 1]} {solar.year}")

    def short_day(self, on: date) -> str:
        """A date as a column has it."""
        return _short_day(self, on)

    def _plain(self, minor: int, currency: str) -> str:
        return _plain(self, minor, exponent(currency))

    def decimal(self, value: Decimal, pattern: str) -> str:
        """A number by a CLDR pattern, in the digits of this language."""
        text = format_decimal(value, pattern, self.locale, False, numbering_system=self._numbering)
        return self.local(text.translate(_MARKS)).replace("-", MINUS)


@lru_cache(maxsize=4_096)  # the days of a statement repeat, and so do those of a run of them
def _short_day(style: Style, on: date) -> str:
    solar = solar_day(on) if style.calendar == "solar_hijri" else None
    if solar is not None:
        return style.figure(style.local(f"{solar.year}/{solar.month}/{solar.day}"))
    length = "short" if style.language in ("ps", "prs") else "medium"
    return style.local(format_date(on, length, style.locale))


@lru_cache(maxsize=16_384)  # amounts repeat: the prices of a list, and zero
def _plain(style: Style, minor: int, digits: int) -> str:
    if (separators := style.separators) is None:
        whole_pattern = style.locale.decimal_formats[None].pattern.partition(".")[0]
        pattern = whole_pattern + ("." + "0" * digits if digits else "")
        return style.decimal(Decimal(minor).scaleb(-digits), pattern)
    # The same as Babel gives, in a tenth of its time, which is a statement's by half.
    group, point = separators
    whole, rest = divmod(abs(minor), 10**digits)
    fraction = f"{point}{rest:0{digits}d}" if digits else ""
    sign = MINUS if minor < 0 else ""
    return style.local(f"{sign}{whole:,}".replace(",", group) + fraction)


def _separators(locale: Locale) -> tuple[str, str] | None:
    """Group separator and decimal point where digits are grouped by threes, else None."""
    symbols = locale.number_symbols.get(_numbering(locale), {})
    is_by_threes = locale.decimal_formats[None].grouping == (3, 3)
    if not is_by_threes or not {"group", "decimal"} <= symbols.keys():
        return None
    return symbols["group"].translate(_MARKS), symbols["decimal"].translate(_MARKS)


def _percent(locale: Locale) -> str:
    symbols: str = locale.number_symbols.get(_numbering(locale), {}).get("percentSign", "%")
    return symbols.translate(_MARKS)


def _numbering(locale: Locale) -> str:
    """The digits of a language: its own where no region says otherwise."""
    native = locale.other_numbering_systems.get("native", "latn")
    chosen = locale.default_numbering_system if locale.territory else native
    return chosen if chosen in _DIGITS else "latn"


class Chosen(NamedTuple):
    """A style, and why it is not the one that was asked for."""

    style: Style
    reason: str | None


def choose_style(wanted: Iterable[str | None], calendar: Calendar = "gregorian") -> Chosen:
    """The first of these language tags (BCP 47) that documents are printed in, else English."""
    passed: list[str] = []
    for tag in filter(None, wanted):
        if (found := style_of(tag, calendar)) is not None:
            return Chosen(found, _reason(passed, found.language))
        passed.append(tag)
    return Chosen(_style("en", "en", None, calendar), _reason(passed, "en"))


def style_of(tag: str, calendar: Calendar = "gregorian") -> Style | None:
    """The style of a language tag, or None where documents are not printed in that language."""
    first, *rest = tag.replace("_", "-").split("-")
    if (known := _TAGS.get(first.lower())) is None:
        return None
    region = next((part.upper() for part in rest if len(part) == 2 and part.isalpha()), None)
    return _style(known[0], known[1], region, calendar)


def _reason(passed: list[str], language: str) -> str | None:
    if not passed:
        return None
    return (
        f"documents are not printed in {', '.join(passed)} but in {', '.join(LANGUAGES)}:"
        f" {language} was used"
    )


@cache
def _style(language: Language, name: str, region: str | None, calendar: Calendar) -> Style:
    base = Locale.parse(name)
    try:
        locale = Locale(base.language, region) if region and not base.territory else base
    except UnknownLocaleError:
        locale = base
    # English and Arabic have no names for the months of the Solar Hijri calendar on a bill.
    return Style(language, locale, calendar if language in ("ps", "prs") else "gregorian")
