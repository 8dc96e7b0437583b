"""Texts of others made safe to set: one line, no control over the text around it, no endless word.

What is left is data: nothing in it is markup, and templates never evaluate it.
"""

import re
import unicodedata
from typing import Final

_LENGTH_MAX: Final = 240
_WORD_MAX: Final = 24
_PIECE: Final = 12
_LRI, _FSI, _PDI = "\u2066", "\u2068", "\u2069"
_JOINERS: Final = "\u200c\u200d"  # how Persian and Pashto write some of their words
_LONG_WORD: Final = re.compile(rf"\S{{{_WORD_MAX + 1},}}")
_MARKS: Final = re.compile(
    r"([\u0300-\u036f\u0489\u20d0-\u20ff]{2})[\u0300-\u036f\u0489\u20d0-\u20ff]+"
)
_BREAK: Final = "\u200b"
# A number without a sign is in order by itself; an isolate costs shaping time and bytes of the PDF.
_PLAIN: Final = re.compile(r"[\d.,/٫٬]*")


def figure(text: str) -> str:
    """A text of ours among words of either direction: it always runs from left to right."""
    return text if _PLAIN.fullmatch(text) else f"{_LRI}{text}{_PDI}"


def foreign(text: str) -> str:
    """A text that somebody else wrote, in the direction of its own first letter."""
    return f"{_FSI}{clean(text)}{_PDI}"


def clean(text: str) -> str:
    """One line of at most 240 characters without controls, whose long words may be broken."""
    kept = "".join(_kept(character) for character in unicodedata.normalize("NFC", text))
    line = " ".join(_MARKS.sub(r"\1", kept).split())
    if len(line) > _LENGTH_MAX:
        line = line[: _LENGTH_MAX - 1].rstrip() + "…"
    return _LONG_WORD.sub(_with_breaks, line)


def _kept(character: str) -> str:
    if character in _JOINERS:
        return character
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    return "" if category[0] == "C" else character


def _with_breaks(found: re.Match[str]) -> str:
    word = found[0]
    return _BREAK.join(word[at : at + _PIECE] for at in range(0, len(word), _PIECE))
