"""Local dates: which day it is at a facility, and what is booked on when a day is sealed."""

from datetime import UTC, date, datetime

import pytest

from domain.book import Book, Calendar
from domain.rejections import EverythingSealed

LATE = datetime(2026, 1, 31, 22, tzinfo=UTC)
ZONES = {"kabul": "Asia/Kabul", "york": "America/New_York", "kiritimati": "Pacific/Kiritimati"}


@pytest.mark.parametrize(
    ("facility", "day"),
    [
        ("kabul", date(2026, 2, 1)),
        ("york", date(2026, 1, 31)),
        ("kiritimati", date(2026, 2, 1)),
        ("elsewhere", date(2026, 1, 31)),
    ],
)
def test_a_facility_has_its_own_day(facility: str, day: date) -> None:
    assert Calendar(zones=ZONES).local_date(facility, LATE) == day


def test_a_facility_without_a_zone_has_the_tenants() -> None:
    calendar = Calendar(default_zone="Asia/Kabul", zones={"york": "America/New_York"})
    assert calendar.local_date("elsewhere", LATE) == date(2026, 2, 1)
    assert calendar.local_date("york", LATE) == date(2026, 1, 31)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        # Clocks in New York go forward on 8 March and back on 1 November 2026.
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 8, 5, 0, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), date(2026, 10, 31)),
        (datetime(2026, 11, 1, 4, 0, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 5, 0, tzinfo=UTC), date(2026, 11, 2)),
    ],
)
def test_days_change_at_local_midnight_in_summer_and_winter(instant: datetime, day: date) -> None:
    assert Calendar(zones=ZONES).local_date("york", instant) == day


@pytest.mark.parametrize(
    ("sealed_through", "booked_on"),
    [
        (None, date(2026, 1, 31)),
        (date(2026, 1, 30), date(2026, 1, 31)),
        (date(2026, 1, 31), date(2026, 2, 1)),
        (date(2026, 2, 28), date(2026, 3, 1)),
    ],
)
def test_a_sealed_day_is_booked_on_the_first_open_one(
    sealed_through: date | None, booked_on: date
) -> None:
    calendar = Calendar(zones=ZONES, sealed_through=sealed_through)
    assert calendar.posting_date("york", LATE) == booked_on


def test_a_seal_to_the_end_of_the_calendar_leaves_no_day_to_book_on() -> None:
    calendar = Calendar(zones=ZONES, sealed_through=date.max)
    with pytest.raises(EverythingSealed, match="9999-12-31"):
        calendar.posting_date("york", LATE)
    last = Calendar(zones=ZONES, sealed_through=date(9999, 12, 30))
    assert last.posting_date("york", LATE) == date.max


def test_a_facility_behind_the_tenants_zone_is_sealed_with_it() -> None:
    """January is sealed at midnight in Kabul, where the tenant is; in New York it is still day."""
    calendar = Calendar("Asia/Kabul", ZONES, sealed_through=date(2026, 1, 31))
    assert calendar.posting_date("york", LATE) == date(2026, 2, 1)
    assert calendar.posting_date("kabul", LATE) == date(2026, 2, 1)


def test_all_commands_of_a_batch_have_one_day() -> None:
    book = Book(tenant="demo", recorded_at=LATE, calendar=Calendar(zones=ZONES))
    assert book.today("kabul") == date(2026, 2, 1)
    book.calendar.sealed_through = date(2027, 1, 1)
    assert book.today("kabul") == date(2026, 2, 1)
