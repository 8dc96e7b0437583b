"""What a validator found wrong, in words: its own texts quote regular expressions."""

import re
from collections.abc import Mapping
from typing import Final

_REGEX: Final = re.compile(r"Expected `str` matching regex (?P<shown>'.*'|\".*\")", re.DOTALL)
_AT: Final = re.compile(r"(?P<message>.*?)(?: - at `(?P<path>.*)`)?", re.DOTALL)


def split_path(text: str) -> tuple[str, str]:
    """A text of msgspec as its message and the JSON path that it is about, `$` for the whole."""
    found = _AT.fullmatch(text)
    return (found["message"], found["path"] or "$") if found else (text, "$")


def in_words(message: str, meanings: Mapping[str, str]) -> str:
    """The message with what a pattern means instead of the pattern."""
    found = _REGEX.fullmatch(message)
    if found is None:
        return message
    for pattern, meaning in meanings.items():
        if repr(pattern) == found["shown"]:
            return f"Expected {meaning}"
    return "Expected another form of text"
