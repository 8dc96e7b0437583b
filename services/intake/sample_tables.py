"""The clinics of the sample, their fee schedule, payers and patients' names: all of it invented."""

from datetime import date, timedelta, timezone
from typing import Final, NamedTuple

from contracts.price_list import ANY_FACILITY

CODE_SYSTEM: Final = "urn:daybook:sample:fee-schedule"
NEW_PRICES_FROM: Final = date(2026, 1, 1)
OLD_PRICES_FROM: Final = date(2025, 1, 1)


class Facility(NamedTuple):
    """A clinic: its id, the currency it charges in, its offset from UTC, languages and payers."""

    facility: str
    currency: str
    offset: timezone
    languages: tuple[str, ...]
    payers: tuple[str, ...]


class Fee(NamedTuple):
    """A service of the fee schedule and its price per currency; more than one unit at a time?"""

    code: str
    description: str
    usd: str
    afn: str
    gel: str
    countable: bool = False

    def amount(self, currency: str) -> str:
        """The price in one of the sample's currencies."""
        return {"USD": self.usd, "AFN": self.afn, "GEL": self.gel}[currency]


FACILITIES: Final = (
    Facility(
        "harbor-clinic",
        "USD",
        timezone(timedelta(hours=-5)),
        ("en", "es"),
        ("Lighthouse Mutual", "Northwind Health Plan"),
    ),
    Facility(
        "hill-street-clinic",
        "USD",
        timezone(timedelta(hours=-5)),
        ("en", "es"),
        ("Lighthouse Mutual", "Copperleaf Insurance"),
    ),
    Facility(
        "kabul-polyclinic",
        "AFN",
        timezone(timedelta(hours=4, minutes=30)),
        ("prs", "ps"),
        ("Hindukush Health Fund",),
    ),
    Facility(
        "tbilisi-family-health",
        "GEL",
        timezone(timedelta(hours=4)),
        ("ka", "en"),
        ("Mtkvari Insurance", "Kazbegi Sickness Fund"),
    ),
)

FEES: Final = (
    Fee("VISIT-SHORT", "Office visit, up to 15 minutes", "85.00", "900.00", "45.00"),
    Fee("VISIT-LONG", "Office visit, up to 40 minutes", "165.00", "1750.00", "90.00"),
    Fee("BLOOD-COUNT", "Complete blood count", "32.50", "350.00", "18.50"),
    Fee("LIPIDS", "Lipid panel", "48.75", "620.00", "27.30"),
    Fee("GLUCOSE", "Blood glucose", "14.20", "120.00", "8.00"),
    Fee("CULTURE", "Throat culture", "41.05", "480.00", "22.15"),
    Fee("XRAY-CHEST", "Chest radiograph, two views", "128.40", "1400.00", "70.00"),
    Fee("ULTRASOUND", "Abdominal ultrasound", "245.00", "2600.00", "130.00"),
    Fee("ECG", "Electrocardiogram with report", "76.00", "800.00", "42.00"),
    Fee("INJECTION", "Injection", "18.35", "150.00", "10.05", countable=True),
    Fee("VACCINE-FLU", "Influenza vaccine", "39.99", "410.00", "21.50"),
    Fee("DRESSING", "Wound dressing", "27.60", "260.00", "15.20", countable=True),
    Fee("SUTURE", "Suture of a small wound", "210.00", "2200.00", "115.00"),
    Fee("PHYSIO", "Physiotherapy, 15 minutes", "36.25", "380.00", "20.00", countable=True),
)
# One price for every clinic that has none of its own, in each currency.
FEES_ANYWHERE: Final = (Fee("CERTIFICATE", "Medical certificate", "15.00", "150.00", "10.00"),)
# Comes with a price of its own, since no price list has it.
FEE_STATED: Final = Fee("SPECIALIST", "Visiting specialist", "320.00", "3300.00", "175.00")
# Last year's price of a service; entries that arrive late still cost it.
FEES_LAST_YEAR: Final = (
    Fee("VISIT-SHORT", "Office visit, up to 15 minutes", "80.00", "850.00", "42.50"),
)

NAMES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "en": (
        ("Ada", "Owen", "Grace", "Miles", "Ruth", "Theo", "June"),
        ("Fairweather", "Holloway", "Brightwell", "Marsh", "Ashdown", "Penrose"),
    ),
    "es": (
        ("Lucía", "Mateo", "Inés", "Tomás", "Begoña", "Iñaki"),
        ("Montealegre", "Peñaranda", "Villaseñor", "Ordóñez", "Camposanto"),
    ),
    "prs": (
        ("نرگس", "فرهاد", "پروانه", "جاوید", "لیلا", "بهرام"),
        ("احمدی", "رحیمی", "نوروزی", "کوهستانی", "صدیقی"),
    ),
    "ps": (
        ("ګلالۍ", "زمری", "پلوشه", "توریالی", "سپوږمۍ"),
        ("ستانکزی", "وردک", "څپاند", "هوتک", "خوږیاڼی"),
    ),
    "ka": (
        ("ნინო", "გიორგი", "თამარ", "ლევან", "ქეთევან", "ზურაბ"),
        ("ბერიძე", "მთვარელიშვილი", "წყალობაძე", "კახიძე", "ჟვანია"),
    ),
}


class SamplePrice(NamedTuple):
    """A line of the price list: the first and the last day are inclusive, None is open."""

    facility: str
    code: str
    amount: str
    currency: str
    valid_from: date
    valid_to: date | None


def price_list() -> tuple[SamplePrice, ...]:
    """The prices that the sample's services cost; what is not in it has no price."""
    last_old_day = NEW_PRICES_FROM - timedelta(days=1)
    own = [
        SamplePrice(
            place.facility, fee.code, fee.amount(place.currency), place.currency, start, end
        )
        for place in FACILITIES
        for fees, start, end in (
            (FEES_LAST_YEAR, OLD_PRICES_FROM, last_old_day),
            (FEES, NEW_PRICES_FROM, None),
        )
        for fee in fees
    ]
    anywhere = [
        SamplePrice(ANY_FACILITY, fee.code, fee.amount(currency), currency, OLD_PRICES_FROM, None)
        for currency in ("USD", "AFN", "GEL")
        for fee in FEES_ANYWHERE
    ]
    return (*own, *anywhere)
