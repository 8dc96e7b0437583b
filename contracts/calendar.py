"""The dates that billing knows. What is sent to us outside of them is a default value or a slip of
the keyboard: booked, it would give reports and partitions of the year 1 or 9999.
"""

from datetime import date
from typing import Any, Final

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199

DATE_SCHEMA: Final[dict[str, Any]] = {"pattern": r"^(19|2[01])\d\d-"}
"""The same for readers of the JSON Schema, of dates and of instants."""


def check_day(name: str, day: date | None) -> None:
    """Raise ValueError for a day, or an instant as it is written, that billing does not know.

    Asked of what is sent to us, never of what is stored: that stays readable, whatever it says.
    """
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"Expected `{name}` within the years {FIRST_YEAR} to {LAST_YEAR}")
