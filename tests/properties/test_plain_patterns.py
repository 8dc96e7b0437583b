"""What the document says of a text is what the API takes: its plain patterns mean the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.document_patterns import PLAIN

# Where the patterns part: line ends, spaces and controls beside what codes are made of.
_LETTERS = st.sampled_from("aZ09-._*~!/ \t\n\r\x00\x1f\x7f\x85\xa0\u2028é")


@pytest.mark.parametrize("ours", PLAIN)
@given(text=st.text(_LETTERS, min_size=1, max_size=6))
def test_a_plain_pattern_takes_what_ours_takes(ours: str, text: str) -> None:
    plain = PLAIN[ours].removesuffix("$") + r"\Z"  # as ECMA means it
    assert bool(re.search(ours, text)) == bool(re.search(plain, text))
