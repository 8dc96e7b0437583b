"""What a batch would write, before anything is written."""

import pytest

from domain.rejections import Invalid
from services.execute.rows import bodies_of
from tests.fixtures.clinic_events import captured


@pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", "\\\\\0", 'say "\0"', "\\u0000 and \0"])
def test_a_text_with_a_nul_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="NUL"):
        bodies_of([("chg_1", captured(reference=text))])


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "a\\\\\\u0000b", "u0000", "\x01", "\x7f"])
def test_a_text_that_only_looks_like_a_nul_is_taken(text: str) -> None:
    assert len(bodies_of([("chg_1", captured(reference=text))])) == 1


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="surrogate"):
        bodies_of([("chg_1", captured(modifiers=(text,)))])
