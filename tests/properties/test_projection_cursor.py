"""Cursors hold what they were given, and whatever else is sent as one is refused in order."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from projections.cursor import POSITION_MAX, CursorInvalid, decode_cursor, encode_cursor

positions = st.integers(-POSITION_MAX, POSITION_MAX)
ids = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@given(ids, positions)
def test_a_cursor_gives_back_its_key(account_id: str, position: int) -> None:
    cursor = encode_cursor("ledger", account_id, position)
    assert cursor.isascii()
    assert decode_cursor("ledger", cursor, str, int) == (account_id, position)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_whatever_is_no_cursor_is_refused_and_breaks_nothing(text: str) -> None:
    with suppress(CursorInvalid):
        [position] = decode_cursor("invoices", text, int)
        assert isinstance(position, int)


@given(st.integers(min_value=POSITION_MAX + 1))
def test_a_position_that_postgres_cannot_hold_is_refused(position: int) -> None:
    with suppress(CursorInvalid, OverflowError):
        decode_cursor("invoices", encode_cursor("invoices", position), int)
        raise AssertionError("was taken")
