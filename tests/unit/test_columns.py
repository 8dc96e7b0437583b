"""Rows as array literals: whatever is in a text comes out as it went in."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.columns import columns, dates, numbers, texts

Cells = st.lists(st.one_of(st.none(), st.text()))


def parsed(literal: str) -> list[str | None]:
    """A one-dimensional array literal read by the manual's rules (8.15.6)."""
    assert literal[0] + literal[-1] == "{}"
    cells: list[str | None] = []
    inner, at = literal[1:-1], 0
    while at < len(inner):
        if inner[at] == '"':
            cell, at = "", at + 1
            while inner[at] != '"':
                at += inner[at] == "\\"
                cell += inner[at]
                at += 1
            cells.append(cell)
            at += 1
        else:
            end = inner.find(",", at) if "," in inner[at:] else len(inner)
            bare = inner[at:end]
            cells.append(None if bare == "NULL" else bare)
            at = end
        assert at == len(inner) or inner[at] == ","
        at += 1
    return cells


@given(Cells)
@example(["NULL", "null", "", '"', "\\", ",", "{}", " ", '\\"', None])
@example(['","', '"', '""'])
@example(['a"', 'b"'])
@example(["a\nb\tc"])
def test_texts_come_out_as_they_went_in(cells: list[str | None]) -> None:
    assert parsed(texts(cells)) == cells


@given(st.lists(st.one_of(st.none(), st.integers())))
def test_numbers_come_out_as_they_went_in(cells: list[int | None]) -> None:
    assert [None if cell is None else int(cell) for cell in parsed(numbers(cells))] == cells


@given(st.lists(st.one_of(st.none(), st.dates())))
def test_dates_come_out_as_they_went_in(cells: list[date | None]) -> None:
    found = [None if cell is None else date.fromisoformat(cell) for cell in parsed(dates(cells))]
    assert found == cells


def test_rows_become_a_parameter_a_column() -> None:
    rows = [("a", 1, date(2026, 1, 2), b"x"), (None, None, None, None)]
    assert columns(rows, "tndb") == ['{"a",NULL}', "{1,NULL}", "{2026-01-02,NULL}", [b"x", None]]


def test_no_rows_are_empty_columns() -> None:
    assert columns([], "tndb") == ["{}", "{}", "{}", []]


def test_rows_have_a_cell_for_each_kind() -> None:
    with pytest.raises(ValueError, match="zip"):
        columns([("a", 1)], "t")
    with pytest.raises(ValueError, match="zip"):
        columns([("a",), ("a", 1)], "t")
