"""Code systems as they are read from CSV: every wrong line is named, nothing is guessed."""

from datetime import date
from typing import Any

import pytest
from asyncpg import Range

from services.code_systems import ERRORS_SHOWN_MAX, CodesUnreadable, read_codes


def read(text: str) -> list[tuple[str, str | None, Any]]:
    return [(row.code, row.display, row.active) for row in read_codes(text.splitlines(True))]


def test_a_file_of_codes_alone_is_enough() -> None:
    assert read("code\n99213\nA-1\n") == [
        ("99213", None, Range(None, None)),
        ("A-1", None, Range(None, None)),
    ]


def test_the_last_day_is_part_of_the_window() -> None:
    text = (
        "code,display,active_from,active_until\r\n"
        '1,"visit, short",2026-01-01,2026-12-31\r\n\r\n2,,,2026-01-31\r\n'
    )
    assert read(text) == [
        ("1", "visit, short", Range(date(2026, 1, 1), date(2027, 1, 1))),
        ("2", None, Range(None, date(2026, 2, 1), lower_inc=False)),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: a header of code, display"),
        ("kod,display\n1,x\n", "not kod, display"),
        ("code,code\n1,1\n", "line 1: a header"),
        ("code\n", "there is no code in it"),
        ("code\n1\n1\n", "line 3: code 1 is in line 2 already"),
        ("code\na b\n", "line 2: "),
        ("code,display\n1\n", "line 2: "),
        ("code,active_from\n1,01.02.2026\n", "line 2: active_from is a date such as"),
        ("code,active_from\n1,2026-02-30\n", "line 2: "),
        ("code,active_from\n1,3026-02-03\n", "line 2: active_from is a date"),
        ("code,active_from,active_until\n1,2026-02-03,2026-02-02\n", "line 2: active_until"),
        ('code,display\n1,"x\n', "line 2: "),
    ],
)
def test_what_is_wrong_is_named_by_its_line(text: str, said: str) -> None:
    with pytest.raises(CodesUnreadable) as refused:
        read(text)
    assert said in str(refused.value)


def test_the_first_wrong_lines_are_all_named_and_not_every_one() -> None:
    with pytest.raises(CodesUnreadable) as refused:
        read("code\n" + "a b\n" * 1000)
    assert str(refused.value).count("line ") == ERRORS_SHOWN_MAX
