"""Tables with bounds of how wide their texts are, so that a template measures few of them.

Measuring every cell would take a sixth of the time of a page.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from services.documents.paper import Closing, Column, Kind, Table
from services.documents.style import MINUS

_DIGIT: Final = re.compile(r"\d")
_ARABIC: Final = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيٹپچځڅډړژڑښکګگڼیېۍې"
_UNKNOWN_EMS: Final = 1_000.0
# Bounds for Noto Sans and Noto Sans Arabic: nothing of a class is wider, isolated or joined.
_EMS: Final = {
    **dict.fromkeys(map(chr, range(0x20, 0x7F)), 0.94),
    **dict.fromkeys("abcdefghijklnopqrstuvxyz0123456789 .,:;·×()/-−–٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", 0.62),
    **dict.fromkeys(_ARABIC, 1.31),
    **dict.fromkeys("\u2066\u2068\u2069", 0.0),  # isolates
}
Rows = Sequence[tuple[str, ...]]


def table(
    columns: Sequence[Column], rows: Rows, closing: Sequence[Closing] = (), title: str | None = None
) -> Table:
    """A table whose columns of numbers and days know their widest texts."""
    words_at = next(at for at, column in enumerate(columns) if column.kind == "text")
    return Table(
        title=title,
        columns=tuple(
            column
            if column.kind == "text"
            else msgspec.structs.replace(
                column, widest=_widest(column.kind, _texts(at, len(columns), rows, closing))
            )
            for at, column in enumerate(columns)
        ),
        rows=tuple(rows),
        ems=tuple(ems_of(row[words_at]) for row in rows),
        closing=tuple(closing),
    )


def ems_of(words: str) -> float:
    """So many ems wide a text is at most; a lot where it has a letter that is not known."""
    return round(sum(_EMS.get(letter, _UNKNOWN_EMS) for letter in words), 2)


def _texts(at: int, columns: int, rows: Rows, closing: Sequence[Closing]) -> Iterable[str]:
    yield from (row[at] for row in rows)
    for line in closing:
        place = at - columns + len(line.amounts)
        if place >= 0:
            yield line.amounts[place]


def _widest(kind: Kind, texts: Iterable[str]) -> tuple[str, ...]:
    """Digits are equally wide, so of numbers the longest is the widest; those with a sign are
    isolated and looked at by themselves. Of days every month is, whose names differ."""
    longest: dict[object, str] = {}
    for text in set(texts):
        shape = MINUS in text if kind == "number" else _DIGIT.sub("", text)
        # Of equally long ones the same one every time: the same paper gives the same bytes.
        if (len(text), text) > (len(longest.get(shape, "")), longest.get(shape, "")):
            longest[shape] = text
    return tuple(longest[shape] for shape in sorted(longest, key=str))
